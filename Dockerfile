# Tracer in a container. It runs the TypeScript sources; only the page is built. The image has no package
# manager and no embedded database; it needs DATABASE_URL (docker-compose.yml brings a Postgres).
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS pnpm
ENV CI=true
WORKDIR /app
# Exactly the version of `packageManager` in package.json.
RUN npm install --global --no-audit --no-fund pnpm@12.21.0

FROM pnpm AS page
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY apps/console/package.json apps/console/
COPY packages/core/package.json packages/core/
RUN pnpm install --frozen-lockfile --filter @tracer/console...
COPY packages/core packages/core
COPY apps/console apps/console
RUN node apps/console/build.ts --out apps/console/dist/page

FROM pnpm AS install
# The manifests alone, so that a change of source leaves this layer as it is.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY apps/processor/package.json apps/processor/
COPY packages/core/package.json packages/core/
COPY packages/detect/package.json packages/detect/
COPY packages/ingest/package.json packages/ingest/
COPY packages/notify/package.json packages/notify/
COPY packages/store/package.json packages/store/
COPY packages/testkit/package.json packages/testkit/
# Optional are only Node itself, which the image has, and the embedded Postgres.
RUN pnpm install --prod --frozen-lockfile --no-optional

FROM ${NODE_IMAGE}
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4318 DATA_DIR=/data
WORKDIR /app
COPY --from=install /app ./
COPY LICENSE ./
COPY drizzle drizzle
COPY apps/processor apps/processor
COPY packages packages
# Without its sources, so that it is taken as it is.
COPY --from=page /app/apps/console/dist apps/console/dist
# A new volume takes the owner and the mode of what it covers.
RUN install --directory --owner=node --group=node --mode=0700 /data
USER node
VOLUME /data
EXPOSE 4318
STOPSIGNAL SIGTERM
# Alive, not ready: some engines restart what is unhealthy, and Tracer outlives an absence of its database.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "apps/processor/src/main.ts", "start"]
