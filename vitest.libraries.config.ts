// The conformance of libraries, in other versions than those that are installed here: see scripts/libraries.mjs.
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vitest/config';

const folder = process.env['SLUICE_LIBRARIES_FROM'] ?? '';
/** Packages that another one stands for. */
const aliases: Readonly<Record<string, string>> = JSON.parse(process.env['SLUICE_ALIASES'] ?? '{}');
const packages = (process.env['SLUICE_LIBRARIES'] ?? '').split(',').filter((name) => name !== '');
if (folder === '' || packages.length === 0) throw new Error('Run it with: npm run libraries:check');

/** Finds these packages where the other versions are. */
const otherVersions: Plugin = {
  name: 'other-versions',
  enforce: 'pre',
  async resolveId(imported) {
    const source = aliases[imported] ?? imported;
    const isOther = packages.some((name) => source === name || source.startsWith(`${name}/`));
    // Only from a file that exists it looks in that folder.
    return isOther ? await this.resolve(source, join(folder, 'package.json'), { skipSelf: true }) : undefined;
  },
};

export default defineConfig({
  // Nest has the legacy decorators.
  ...(packages.includes('@nestjs/core') ? { oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } } } : {}),
  plugins: [otherVersions],
  test: {
    // What is kept of another run has the paths of its versions.
    fsModuleCache: false,
    globalSetup: 'test/support/global-setup.ts',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    include: ['test/**/*.test.ts'],
  },
});
