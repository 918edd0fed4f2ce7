# The inbox needs nothing but Python. Built from the repository's root.
ARG PYTHON_TAG
FROM python:${PYTHON_TAG}
COPY scripts/vitals/inbox.py /app/inbox.py
# A new named volume takes the owner of the folder it is mounted on.
RUN install -d -o 65534 -g 65534 /data
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65534:65534
EXPOSE 9095
ENTRYPOINT ["python", "/app/inbox.py", "--listen", "0.0.0.0:9095", "--dir", "/data", "--docs", "/docs"]
