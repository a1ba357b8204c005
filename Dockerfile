# The README's two commands in a container: `make demo` (as it starts) and `make test`. What is done here beyond Debian's
# packages is done by the Makefile, by the same targets that .ci/run works with, so that they are run at every change.
FROM python:3.11-slim-bookworm AS machine

# Versions are Debian's of the day; those of Python packages are pinned in constraints.txt.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium gcc git libc6-dev make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 star \
    && install --directory --owner=star --group=star /star
USER 1000
WORKDIR /star

# .devcontainer stops before this and mounts the clone in its place.
FROM machine
COPY --chown=star:star . .
# DVC and DVCLive want a repository with a commit; the clone's own, with its history, stays outside.
RUN git init --quiet \
    && git -c user.name=star -c user.email=star@localhost commit --quiet --allow-empty --message "Begin" \
    && make setup
CMD ["make", "demo"]
