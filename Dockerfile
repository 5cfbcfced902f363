# The server in an image with Node and nothing else: no shell, not root. A host starts it with its stdin open:
#
#   docker build --tag atlas-model-keys-mcp .
#   docker run --interactive --rm --read-only --cap-drop=ALL --security-opt=no-new-privileges \
#     --volume atlas-model-keys:/keys --volume atlas-model-keys-state:/state \
#     --env MONGODB_ATLAS_CLIENT_ID --env MONGODB_ATLAS_CLIENT_SECRET atlas-model-keys-mcp
#
# A folder of yours in the place of a volume must belong to the user 65532, or be used with --user.

FROM node:24-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6 AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# No script of a package runs: the build needs none.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build \
 && mkdir -p /out/app /out/keys /out/state \
 && cp dist/atlas-model-keys-mcp.js /out/app/atlas-model-keys-mcp.mjs \
 && cp dist/program-*.cjs dist/THIRD-PARTY-NOTICES.txt LICENSE /out/app/ \
 && chmod 0755 /out/app \
 && chmod 0644 /out/app/*

FROM gcr.io/distroless/nodejs24-debian13:nonroot@sha256:fbbdda866ea71aef98c4abece17e3d61fbf820cc2ef3961522caa2478716171a
# The name in the MCP registry, where the image is published there: mcpName of package.json.
ARG MCP_NAME=""
LABEL io.modelcontextprotocol.server.name="${MCP_NAME}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/app /app
COPY --from=build --chown=65532:65532 --chmod=0700 /out/keys /keys
COPY --from=build --chown=65532:65532 --chmod=0700 /out/state /state
# New keys become files in /keys unless the operator says otherwise; journal and audit log stay in /state.
ENV HOME=/state \
    ATLAS_MODEL_KEYS_STATE_DIR=/state \
    ATLAS_MODEL_KEYS_FOLDER=/keys
VOLUME ["/keys", "/state"]
USER 65532:65532
WORKDIR /state
ENTRYPOINT ["/nodejs/bin/node", "/app/atlas-model-keys-mcp.mjs"]
