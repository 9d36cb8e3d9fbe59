// On a narrow screen a row is a list of labelled figures: each cell gets its heading.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
    const list = document.getElementById("result_list");
    if (!list) return;
    list.classList.add("stack");
    const headings = [...list.tHead.rows[0].cells].map((cell) => (cell.querySelector(".text") || cell).textContent.trim());
    for (const row of list.tBodies[0].rows) {
        [...row.cells].forEach((cell, index) => { cell.dataset.label = headings[index]; });
    }
});
