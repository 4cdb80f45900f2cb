import swc from 'unplugin-swc';
import { defineConfig } from 'vitest/config';
import { ProgressReporter } from './test/support/progress-reporter.ts';
import { mariadbIsHere } from './test/support/servers.ts';

const shared = {
  globalSetup: 'test/support/global-setup.ts',
  setupFiles: 'test/support/quiet-warnings.ts',
  testTimeout: 30_000,
  hookTimeout: 30_000,
};

export default defineConfig({
  test: {
    silent: 'passed-only',
    reporters: [new ProgressReporter()],
    experimental: { diagnostics: { isolate: false, import: false, transform: false } },
    projects: [
      {
        test: {
          ...shared,
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: ['test/decorators/**', 'test/acceptance/**', 'test/engines/**', 'test/frameworks/nestjs*.test.ts'],
        },
      },
      // The behaviour suite, and that of jobs, on the engines beside PostgreSQL, on which it is a part of the main project.
      ...[...((await mariadbIsHere()) ? ['mariadb'] : []), 'sqlite'].map((engine) => ({
        test: {
          ...shared,
          name: engine,
          include: [
            'test/behaviour/*.test.ts',
            'test/conformance/queue-memory.test.ts',
            // Libraries that Sluice carries on both servers.
            ...(engine === 'mariadb'
              ? ['test/conformance/usage/{drizzle,knex,kysely,libraries,objection,typeorm}*.test.ts']
              : []),
            `test/engines/${engine}*.test.ts`,
          ],
          env: { SLUICE_TEST_ENGINE: engine },
        },
      })),
      {
        // The same tests on the line of TypeORM before.
        resolve: { alias: [{ find: /^typeorm$/, replacement: 'typeorm-0.3' }] },
        test: {
          ...shared,
          name: 'typeorm 0.3',
          include: [
            'test/conformance/library-typeorm.test.ts',
            'test/conformance/usage/typeorm*.test.ts',
            'test/integration/typeorm.test.ts',
          ],
        },
      },
      {
        oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
        test: {
          ...shared,
          name: 'legacy decorators',
          include: ['test/decorators/*.test.ts', 'test/acceptance/*.test.ts', 'test/frameworks/nestjs*.test.ts'],
          env: { DECORATORS: 'legacy' },
        },
      },
      {
        oxc: false,
        plugins: [
          swc.vite({
            jsc: {
              parser: { syntax: 'typescript', decorators: true },
              transform: { decoratorVersion: '2022-03' },
              target: 'es2022',
            },
          }),
        ],
        test: {
          ...shared,
          name: 'standard decorators',
          include: ['test/decorators/*.test.ts', 'test/acceptance/*.test.ts'],
          env: { DECORATORS: 'standard' },
        },
      },
    ],
  },
});
