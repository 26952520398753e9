ln -s "$TOOLCHAINS/typescript-hey-api/node_modules" .
cp "$CLIENT"/{package.json,openapi-ts.config.js,tsconfig.json,scenario.ts} .
npx openapi-ts
npx tsc
printf '#!/bin/sh\nexec node out/scenario.js\n' >scenario
chmod +x scenario
