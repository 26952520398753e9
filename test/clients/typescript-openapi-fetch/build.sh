ln -s "$TOOLCHAINS/typescript-openapi-fetch/node_modules" .
cp "$CLIENT"/{package.json,tsconfig.json,scenario.ts} .
npx openapi-typescript "$DOCUMENT" --root-types --root-types-no-schema-prefix --output treekeeper.ts
npx tsc
printf '#!/bin/sh\nexec node out/scenario.js\n' >scenario
chmod +x scenario
