// The conformance of libraries, in other versions than those that are installed here: see scripts/libraries.mjs.
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vitest/config';

const folder = process.env['SLUICE_LIBRARIES_FROM'] ?? '';
const packages = (process.env['SLUICE_LIBRARIES'] ?? '').split(',').filter((name) => name !== '');
if (folder === '' || packages.length === 0) throw new Error('Run it with: npm run libraries:check');

/** Finds these packages where the other versions are. */
const otherVersions: Plugin = {
  name: 'other-versions',
  enforce: 'pre',
  async resolveId(source) {
    const isOther = packages.some((name) => source === name || source.startsWith(`${name}/`));
    // Only from a file that exists it looks in that folder.
    return isOther ? await this.resolve(source, join(folder, 'package.json'), { skipSelf: true }) : undefined;
  },
};

export default defineConfig({
  plugins: [otherVersions],
  test: {
    globalSetup: 'test/support/global-setup.ts',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    include: ['test/**/*.test.ts'],
  },
});
