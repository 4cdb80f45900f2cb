// Imports every entry of the package, and checks that under each way of resolving modules, together with programs that use them.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

const { exports } = JSON.parse(readFileSync('node_modules/sluice/package.json', 'utf8'));
const entries = Object.keys(exports).filter((path) => typeof exports[path] === 'object');
if (entries.length < 29) throw new Error('entries are missing');
const imports = entries.map((path, at) => `import * as entry${at} from '${path.replace('.', 'sluice')}';`);
const uses = entries.map((_, at) => `entry${at}`).join(', ');
writeFileSync('entries.ts', `${imports.join('\n')}\nexport const entries: object[] = [${uses}];\n`);
writeFileSync('entries.mts', readFileSync('entries.ts'));
writeFileSync('routes.mts', readFileSync('routes.ts'));

const commonJs = ['entries.ts', 'shop.ts', 'routes.ts'];
const esm = ['entries.mts', 'routes.mts'];
const ways = [
  ['commonjs', 'node10', commonJs, []],
  ['node16', 'node16', commonJs, ['--skipLibCheck']],
  ['node16', 'node16', esm, ['--skipLibCheck']],
  ['nodenext', 'nodenext', commonJs, []],
  ['nodenext', 'nodenext', esm, []],
  ['esnext', 'bundler', commonJs, ['--skipLibCheck']],
];
const common = ['--strict', '--target', 'es2022', '--esModuleInterop', '--types', 'node'];
for (const [module, moduleResolution, files, others] of ways) {
  const decorators = ['--experimentalDecorators', '--emitDecoratorMetadata'];
  const how = ['--module', module, '--moduleResolution', moduleResolution];
  const errors = errorsOf([...common, ...decorators, ...how, ...others, '--noEmit', ...files]);
  if (errors.length > 0) throw new Error(`there are errors under ${moduleResolution}:\n${errors.join('\n')}`);
  console.log(`${entries.length} entries have types under ${module} with ${moduleResolution}`);
}
// What is run afterwards, as CommonJS.
const asCommonJs = ['--module', 'commonjs', '--moduleResolution', 'node10', '--outDir', 'dist'];
execFileSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', ...common, '--skipLibCheck', ...asCommonJs, 'shop.ts'],
  {
    stdio: 'inherit',
  },
);

// The newest of both: what Node.js declares changes, as its versions do.
renameSync('node_modules/@types/node', 'node_modules/types-node-24');
renameSync('node_modules/types-node-26', 'node_modules/@types/node');
for (const file of ['entries.ts', 'entries.mts']) {
  const errors = errorsOf([...common, '--module', 'nodenext', '--noEmit', file], 'typescript-7');
  if (errors.length > 0) throw new Error(`there are errors under TypeScript 7:\n${errors.join('\n')}`);
}
console.log(`${entries.length} entries have types under TypeScript 7`);

/** Without `skipLibCheck` an import of a declaration that resolves to nothing is an error. Those of libraries are their own. */
function errorsOf(options, compilerPackage = 'typescript') {
  const compiler = [`node_modules/${compilerPackage}/bin/tsc`, '--pretty', 'false', ...options];
  const { stdout } = spawnSync(process.execPath, compiler, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return stdout.split('\n').filter((line) => /error TS/.test(line) && !/^node_modules\/(?!sluice\/)/.test(line));
}
