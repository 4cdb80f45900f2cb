// A lock file that lacks an optional platform package which a locked one names makes `npm ci` fail elsewhere. One that names the
// registry from which it was made fails where that cannot be reached.
import { readdirSync, readFileSync } from 'node:fs';

const examples = readdirSync(new URL('../examples', import.meta.url));
const files = [
  'package-lock.json',
  'site/package-lock.json',
  ...examples.map((name) => `examples/${name}/package-lock.json`),
];
for (const file of files) {
  const { packages } = JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'));
  const paths = Object.keys(packages);
  if (paths.length < 50) throw new Error(`${file} names only ${paths.length} packages`);
  const locked = new Set(paths.map(packageName));
  const holes = paths.flatMap((path) => {
    const wanted = Object.keys(packages[path].optionalDependencies ?? {});
    return wanted.filter((name) => !locked.has(name)).map((name) => `${packageName(path)} needs ${name}`);
  });
  if (holes.length > 0) {
    console.error(`${file} has holes:\n${holes.join('\n')}`);
    process.exit(1);
  }
  const elsewhere = paths.filter((path) => /^https?:/.test(packages[path].resolved ?? ''));
  if (elsewhere.length > 0) {
    console.error(`${file} names a registry for:\n${elsewhere.join('\n')}`);
    process.exit(1);
  }
  console.log(`${file} is complete: ${locked.size} packages.`);
}

function packageName(path) {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
