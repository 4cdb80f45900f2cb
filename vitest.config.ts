import { availableParallelism } from 'node:os';
import { matchesGlob } from 'node:path';
import swc from 'unplugin-swc';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { longFiles, testChoice } from './test/support/long-tests.ts';
import { ProgressReporter } from './test/support/progress-reporter.ts';
import { mariadbIsHere } from './test/support/servers.ts';

const shared = {
  globalSetup: 'test/support/global-setup.ts',
  setupFiles: 'test/support/quiet-warnings.ts',
  testTimeout: 30_000,
  hookTimeout: 30_000,
};

const choice = testChoice();

/** What repeats tests on another engine or line of a library belongs to the long ones, whole. */
const repeats: ReadonlySet<unknown> = new Set(['mariadb', 'typeorm 0.3']);

const matches = (path: string, globs: readonly string[]): boolean => globs.some((glob) => matchesGlob(path, glob));

/** The files of a project that are chosen; no project where there are none. */
function chosen(project: TestProjectInlineConfiguration): TestProjectInlineConfiguration[] {
  const { name, include = [], exclude = [] } = project.test ?? {};
  const long = longFiles().filter((path) => matches(path, include) && !matches(path, exclude));
  if (choice === 'all' || repeats.has(name)) return choice === 'short' ? [] : [project];
  if (choice === 'short') return [{ ...project, test: { ...project.test, exclude: [...exclude, ...long] } }];
  return long.length === 0 ? [] : [{ ...project, test: { ...project.test, include: long } }];
}

/** Those of which files are chosen. */
function projects(...given: readonly TestProjectInlineConfiguration[]): TestProjectInlineConfiguration[] {
  return given.flatMap(chosen);
}

export default defineConfig({
  test: {
    // Most tests wait for servers: one at a time would leave a small machine idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    silent: 'passed-only',
    reporters: [new ProgressReporter()],
    experimental: { diagnostics: { isolate: false, import: false, transform: false } },
    projects: projects(
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
            // What the inspector asks of the engine.
            'test/inspector/work-{events,received,sagas}.test.ts',
            // Libraries that Sluice carries on the engine.
            ...(engine === 'mariadb'
              ? [
                  'test/compat/typeorm-transactional.test.ts',
                  'test/conformance/usage/{drizzle,knex,kysely,libraries,objection,typeorm}*.test.ts',
                ]
              : ['test/conformance/usage/{kysely,kysely-members}.test.ts']),
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
            'test/compat/typeorm-transactional.test.ts',
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
    ),
  },
});
