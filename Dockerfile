# The service's image: compile and test, install for production alone, then keep only what runs.
# scripts/image-steps.mjs performs these steps without Docker, so each stays a plain command in its working folder.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM build AS test
RUN npm test

# No development packages, and of ONNX Runtime only the library for this system.
FROM node:24-slim AS production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev \
 && find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 ! -path "*/linux/$(node -p process.arch)" -exec rm -rf {} +

FROM node:24-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    SCOREKEEPER_STORE=gcs \
    SCOREKEEPER_ARTIFACT_CACHE_BYTES=268435456 \
    SCOREKEEPER_SOURCE_CACHE_BYTES=268435456 \
    ORT_DISABLE_TELEMETRY=1
WORKDIR /app
COPY --from=production /app/node_modules node_modules
COPY --from=build /app/dist/core dist/core
COPY --from=build /app/dist/adapters dist/adapters
COPY --from=build /app/dist/apps dist/apps
COPY package.json LICENSE ./
USER node
EXPOSE 8080
# Exec form: SIGTERM reaches Node itself, which finishes what is in flight and exits 0.
ENTRYPOINT ["node", "/app/dist/apps/cli/main.js"]
CMD ["serve"]
