// The reference of the public API, from its doc comments: a page for each name that an entry point exports.
import { join } from 'node:path';
import { Application } from 'typedoc';
import { load } from 'typedoc-plugin-markdown';
import { root, staged, textOf } from './places.mjs';
import { write } from './pages.mjs';

export const reference = join(staged, 'api');

export async function writeReference() {
  const entries = entryPoints();
  const app = await Application.bootstrapWithPlugins({
    plugin: [load],
    entryPoints: [...entries.values()].map((file) => join(root, file)),
    tsconfig: join(root, 'tsconfig.build.json'),
    basePath: join(root, 'src'),
    out: reference,
    readme: 'none',
    name: 'API',
    // The compiler of the project has checked the code; this older one knows less.
    skipErrorChecking: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    disableSources: true,
    disableGit: true,
    githubPages: false,
    logLevel: 'Warn',
    validation: { notExported: false, invalidLink: true, notDocumented: false },
    treatWarningsAsErrors: true,
    router: 'member',
    entryFileName: 'index.md',
    hidePageHeader: true,
    hideBreadcrumbs: false,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    propertyMembersFormat: 'table',
    enumMembersFormat: 'table',
    tableColumnSettings: { hideModifiers: true, hideInherited: true, hideOverrides: true, hideSources: true },
    useCodeBlocks: true,
    expandObjects: true,
    useHTMLEncodedBrackets: true,
    sanitizeComments: true,
  });
  const project = await app.convert();
  if (project === undefined) throw new Error('The public API cannot be read.');
  const names = new Map(
    [...entries].map(([name, file]) => [file.replace(/^src\//, '').replace(/(?:\/index)?\.ts$/, ''), name]),
  );
  for (const module of project.children ?? []) {
    const name = names.get(module.name);
    if (name === undefined) throw new Error(`${module.name} is no entry point.`);
    module.name = name;
  }
  await app.generateOutputs(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1);
  const urls = [...entries.keys()].map((name) => ({ text: name, link: `/api/${name}/` }));
  write('api/sidebar.json', JSON.stringify(urls));
}

/** The source file of each entry point, by its name. */
function entryPoints() {
  const { exports } = JSON.parse(textOf('package.json'));
  return new Map(
    Object.entries(exports).flatMap(([name, target]) =>
      typeof target === 'string'
        ? []
        : [[name.replace('.', 'sluice'), target.import.default.replace('./dist', 'src').replace(/js$/, 'ts')]],
    ),
  );
}
