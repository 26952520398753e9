ln -s "$TOOLCHAINS/typescript-orval/node_modules" .
cp "$CLIENT"/{package.json,orval.config.js,tsconfig.json,scenario.ts} .
npx orval
npx tsc
printf '#!/bin/sh\nexec node out/scenario.js\n' >scenario
chmod +x scenario
