# syntax=docker/dockerfile:1

# The image holds two static programs, the verifier for browsers, the certificates
# they check peers with, and places to write. No shell, no package manager, no root.
# A static program cannot load the library of a device: for sealing keys behind
# PKCS #11 build with --target device, and add the maker's library to that.

FROM golang:1.27.4-bookworm AS build
ENV GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags "-s -w" -o /out/bin/ ./cmd/bode && go build -tags offline -trimpath -ldflags "-s -w" -o /out/bin/ ./cmd/erdverify && \
    make verifier VERIFIER=/out/bin/verify
# scratch has no directories: /tmp for uploads in progress, /var/lib/bode for
# content and keys when they are kept on disk.
RUN mkdir -p /out/tmp /out/var/lib/bode && chmod 1777 /out/tmp && chmod 700 /out/var/lib/bode

FROM build AS build-device
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=1 go build -trimpath -ldflags "-s -w" -o /out/bin/ ./cmd/bode

# The same with the C library that such libraries need.
FROM debian:12.12-slim AS device
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/var /var
COPY --from=build-device /out/bin/ /usr/local/bin/
USER 65532:65532
WORKDIR /var/lib/bode
VOLUME /var/lib/bode
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/bode"]
CMD ["serve"]

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build --chown=65532:65532 /out/var /var
COPY --from=build /out/bin/ /usr/local/bin/
USER 65532:65532
WORKDIR /var/lib/bode
VOLUME /var/lib/bode
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/bode"]
CMD ["serve"]
