// Imports every entry of the package, and checks that under each way of resolving modules.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const { exports } = JSON.parse(readFileSync('node_modules/sluice/package.json', 'utf8'));
// Those of frameworks need these, which have projects of their own.
const others = /nestjs|fastify|express|hono|eslint/;
const entries = Object.keys(exports).filter((path) => typeof exports[path] === 'object' && !others.test(path));
if (entries.length < 20) throw new Error('entries are missing');
const imports = entries.map((path, at) => `import * as entry${at} from '${path.replace('.', 'sluice')}';`);
const uses = entries.map((_, at) => `entry${at}`).join(', ');
writeFileSync('entries.ts', `${imports.join('\n')}\nexport const entries: object[] = [${uses}];\n`);
writeFileSync('entries.mts', readFileSync('entries.ts'));

const ways = [
  ['commonjs', 'node10', ['entries.ts', 'shop.ts']],
  ['node16', 'node16', ['entries.ts', 'entries.mts', 'shop.ts']],
  ['nodenext', 'nodenext', ['entries.ts', 'entries.mts', 'shop.ts']],
  ['esnext', 'bundler', ['entries.ts', 'shop.ts']],
];
const common = ['--strict', '--target', 'es2022', '--skipLibCheck', '--esModuleInterop', '--types', 'node'];
for (const [module, moduleResolution, files] of ways) {
  const how = ['--module', module, '--moduleResolution', moduleResolution];
  run([...common, ...how, '--noEmit', ...files]);
  console.log(`${entries.length} entries have types under ${module} with ${moduleResolution}`);
}
// What is run afterwards, as CommonJS.
run([...common, '--module', 'commonjs', '--moduleResolution', 'node10', '--outDir', 'dist', 'shop.ts']);

function run(options) {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', ...options], { stdio: 'inherit' });
}
