# clawcheck in an image of nothing but itself: a static binary, the roots of certificates, a folder for temporary files.
#
#   docker build -t clawcheck .
#   docker run --rm clawcheck conform
#   docker run --rm -e CLAWBITE_KEY -v "$PWD:/work" --user "$(id -u)" clawcheck conform --profile profile.toml

FROM rust:1-alpine AS build
# aws-lc, which TLS and hashes come from, is C.
RUN apk add --no-cache ca-certificates gcc linux-headers musl-dev
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo install --locked --path . --root /out \
    && strip /out/bin/clawcheck
# The mock's profile and such go to /tmp; a user of any number may write there.
RUN mkdir -p /image/etc/ssl/certs /image/tmp /image/work \
    && chmod 1777 /image/tmp \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && cp /out/bin/clawcheck /image/clawcheck

FROM scratch
COPY --from=build /image/ /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /work
USER 65534:65534
EXPOSE 4010
ENTRYPOINT ["/clawcheck"]
CMD ["--help"]
