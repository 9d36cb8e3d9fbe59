# Untested: no container engine was at hand when this was written.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN useradd --system mastertrade && mkdir -p var && chown mastertrade var
USER mastertrade
EXPOSE 8000
CMD ["sh", "-c", "python manage.py migrate && exec gunicorn mastertrade.wsgi --bind 0.0.0.0:8000"]
