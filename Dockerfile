# One image for agents and evaluators: `make image` builds it, docs/operations.md says how to run it.
# Builders from before and after BuildKit read it alike.
ARG BASE=debian:trixie-slim

# What every stage stands on: an interpreter, an init, fonts, and a library that Playwright's
# driver needs wherever the browser is from; nothing that builds or becomes root.
FROM ${BASE} AS system
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get -qq update \
 && apt-get -qq install --yes --no-install-recommends ca-certificates fonts-liberation libatomic1 python3 tini \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/log/*

# pip, for the stages that are thrown away.
FROM system AS tools
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get -qq update \
 && apt-get -qq install --yes --no-install-recommends python3-venv \
 && python3 -m venv /opt/tools \
 && python3 -m venv --without-pip /opt/prober
ENV PATH=/opt/tools/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

# The locked packages; wheels are there when `make image` fetched them with this machine's pip.
FROM tools AS packages
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
COPY pyproject.toml requirements.lock setup/locked.py .cache/image/wheel[s] ./
RUN python3 locked.py run >run.lock \
 && python3 locked.py build >build.lock \
 && pip install --quiet --require-hashes --no-deps --find-links . --requirement build.lock \
 && pip --python /opt/prober/bin/python install --quiet --require-hashes --no-deps --no-compile \
      --find-links . --requirement run.lock \
 && pip --python /opt/prober/bin/python check \
 && echo /opt/app >"$(echo /opt/prober/lib/python3.*/site-packages)/app.pth" \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/prober/lib

# Prober itself, apart from the packages: a change of it is a small layer.
FROM packages AS app
COPY README.md LICENSE ./
COPY journeys journeys
COPY prober prober
RUN pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist . \
 && pip --python /opt/prober/bin/python install --quiet --no-deps --no-index --no-compile \
      --target /opt/app dist/*.whl \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/app

FROM system
# debian: Debian's Chromium, with the fixes of its security archive. playwright: Playwright's own.
# Drivers of graphics cards are left out, 200 MB: a container has none, and Chromium draws by itself.
ARG BROWSER=debian
RUN export DEBIAN_FRONTEND=noninteractive \
 && case "$BROWSER" in debian) ;; playwright) exit ;; \
      *) echo "BROWSER=$BROWSER is not known, write debian or playwright" >&2; exit 2 ;; esac \
 && printf 'path-exclude /usr/lib/*/%s*\n' libgallium libLLVM libz3 >/etc/dpkg/dpkg.cfg.d/graphics \
 && apt-get -qq update \
 && apt-get -qq install --yes --no-install-recommends chromium-headless-shell \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/log/*
COPY --from=packages /opt/prober /opt/prober
ENV PATH=/opt/app/bin:/opt/prober/bin:$PATH \
    PLAYWRIGHT_BROWSERS_PATH=/opt/browsers \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 LANG=C.UTF-8 HOME=/tmp
RUN [ "$BROWSER" != playwright ] \
 || { playwright install --with-deps chromium-headless-shell \
   && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/log/* /tmp/*; }
# Data is the only place that outlives a container; agents of one machine may share the allowance.
RUN groupadd --gid 10001 prober \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /bin/false prober \
 && install --directory --owner 10001 --group 10001 --mode 0700 /data /tmp/prober-allowance-10001
COPY --from=app /opt/app /opt/app
WORKDIR /prober
USER 10001:10001
VOLUME /data
EXPOSE 8750
# For an agent it takes `listen: 0.0.0.0:8750` in its region file.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-Ic", \
  "from http.client import *; c = HTTPConnection('127.0.0.1', 8750, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["tini", "--", "prober"]
CMD ["--help"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Prober" \
      org.opencontainers.image.description="Synthetic transactions in a real browser, judged against their SLOs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
