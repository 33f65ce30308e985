# docker build .   is all. The version is read from git by the Go toolchain and stamped into the binary.
ARG GO_IMAGE=docker.io/library/golang:1.26.8-bookworm
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=true -ldflags='-s -w' -o /releaser ./cmd/releaser

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="releaser" \
      org.opencontainers.image.description="Carries a Helm chart from a git tag to production and proves every step" \
      org.opencontainers.image.source="https://github.com/releaser/releaser"
COPY --from=build /releaser /usr/local/bin/releaser
USER 65532:65532
EXPOSE 8080 9090
ENTRYPOINT ["/usr/local/bin/releaser"]
CMD ["serve"]
