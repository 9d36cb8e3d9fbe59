"use strict";

const place = document.getElementById("swagger-ui").dataset;

SwaggerUIBundle({
  url: place.schema,
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  requestInterceptor: (request) => {
    // Who is signed in by session proves that the request is the page's.
    if (!["GET", undefined].includes(request.method)) {
      request.headers[place.csrfHeader] = place.csrf;
    }
    return request;
  },
});
