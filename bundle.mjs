// Makes the command of what tsc has compiled, and its workers: few files load several times as fast as many. The library
// stays as it is.
import { readFileSync } from 'node:fs';
import { build } from 'rolldown';

const { dependencies, version } = JSON.parse(readFileSync('package.json', 'utf8'));
/** What is a part of the command; the other packages are loaded from where they are installed. */
const BUNDLED = 'commander';
const licence = readFileSync(`node_modules/${BUNDLED}/LICENSE`, 'utf8')
  .trim()
  .replaceAll(/^/gm, ' * ')
  .replaceAll(/ +$/gm, '');

/** `import` brings Node's loader of ES modules into a run that has no other use for it. */
const requireBuiltins = {
  name: 'require-builtins',
  renderChunk: (code) => code.replaceAll(/\bimport\(((['"`])node:\w+\2)\)/g, 'Promise.resolve().then(()=>require($1))'),
};

/** One character that is not ASCII doubles the memory of a file's text, and it takes half as long again to compile. */
const escapeUnit = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
/**
 * What a file exports it has when its code has run, and does not change: a getter for each is a sixth of its text. One object
 * for all, as to what is added one by one V8 gives a slow table, which packing many files feels.
 */
const GETTER =
  'Object\\.defineProperty\\(exports,"([\\w$]+)",\\{enumerable:!0,get:function\\(\\)\\{return ([\\w$]+)\\}\\}\\)';
const exportsOf = (getters) =>
  `module.exports={${Array.from(getters.matchAll(RegExp(GETTER, 'g')), ([, name, value]) => `${name}:${value}`)}}`;
const plainText = {
  name: 'plain-text',
  generateBundle(_options, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type !== 'chunk') continue;
      file.code = file.code
        .replaceAll(/[^\0-\x7f]/g, escapeUnit)
        .replace(RegExp(`${GETTER}(?:,${GETTER})*`), exportsOf);
    }
  },
};

/** A CommonJS module is a function in a bundle, which is parsed twice, and the package's index makes a command for nobody. */
const bundledAsModules = {
  name: 'bundled-as-modules',
  resolveId: (id) => (id === BUNDLED ? `\0${BUNDLED}` : null),
  load(id) {
    if (id !== `\0${BUNDLED}`) return null;
    const files = ['command', 'error', 'option'].map(
      (name) => `${import.meta.dirname}/node_modules/${BUNDLED}/lib/${name}.js`,
    );
    return files.map((file) => `export * from ${JSON.stringify(file)};`).join('');
  },
  transform(code, id) {
    if (!id.includes(`/node_modules/${BUNDLED}/`)) return null;
    const module = code
      // For subcommands that are programs of their own, of which there are none.
      .replace("require('node:child_process')", '{}')
      .replaceAll(/^const (\{.*\}) = require\(('\..*')\);$/gm, 'import $1 from $2;')
      .replaceAll(/^exports\.(\w+) = \1;/gm, 'export { $1 };');
    const left = /^.*(?:\brequire\('(?!node:)|\bexports\.).*$/m.exec(module);
    if (left !== null) throw new Error(`Cannot bundle ${id}: each line of it must be known, and one is ${left[0]}`);
    return module;
  },
};

/** The command says its version without reading a file for it. */
const versionAsText = {
  name: 'version',
  load: (id) => (/\bdist\/cli\/version\.js$/.test(id) ? `export const version = ${JSON.stringify(version)};` : null),
};

const options = {
  platform: 'node',
  plugins: [requireBuiltins, plainText],
  external: Object.keys(dependencies).filter((name) => name !== BUNDLED),
};
const output = {
  // Maps say of a profile of the bundle which module each function is of; the code is the same with them.
  sourcemap: process.argv.includes('--source-maps') && 'hidden',
  dir: 'dist/bin',
  format: 'cjs',
  // A stack names functions, and an error its class.
  minify: { compress: true, mangle: { toplevel: true, keepNames: true }, codegen: true },
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
};

/** The modules of which a program uses anything, but those that it imports only when it needs them. */
async function modulesOf(program) {
  const { output: files } = await build({ ...options, input: `dist/${program}.js`, output, write: false });
  const byName = new Map(files.map((file) => [file.fileName, file]));
  const loaded = new Set([files[0]]);
  for (const { imports } of loaded) for (const name of imports) if (byName.has(name)) loaded.add(byName.get(name));
  return new Set(
    [...loaded].flatMap(({ modules }) => Object.keys(modules).filter((id) => modules[id].renderedLength > 0)),
  );
}

const OTHERS = ['cli/explain-command', 'cli/inspect-command', 'cli/verify-command', 'cli/closure-command'];
const [ofTar, ofBuild, ofReading, ofSealing, ...ofOthers] = await Promise.all(
  [
    'cli/tar-command',
    'cli/build-command',
    'build/read-image',
    'build/seal-read',
    ...OTHERS,
    'build/closure-selection',
  ].map(modulesOf),
);

/**
 * The file of a module that `tar` or `build` always loads. These two should start soonest: they load few files, with
 * nothing in them that they do not use. To load a file takes as long as to compile 9 kB of code.
 */
function fileOf(id) {
  // An entry is a file of its own.
  if (id.endsWith('-command.js')) return null;
  if (ofTar.has(id) && (ofBuild.has(id) || ofReading.has(id))) return 'common';
  if (!ofBuild.has(id)) return null;
  if (ofSealing.has(id)) return 'sealing';
  return ofOthers.some((ids) => ids.has(id)) ? 'images' : 'building';
}

await build({
  ...options,
  preserveEntrySignatures: 'allow-extension',
  input: { tarseal: 'dist/cli/main.js' },
  plugins: [
    ...options.plugins,
    bundledAsModules,
    versionAsText,
    {
      name: 'files',
      generateBundle() {
        // CommonJS loads faster still.
        this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' });
        // Read as a file, from beside the program.
        const source = readFileSync('dist/build/spec-schema.json', 'utf8');
        this.emitFile({ type: 'asset', fileName: 'spec-schema.json', source });
      },
    },
  ],
  output: {
    ...output,
    // What every run needs is one file.
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        { name: 'start', tags: ['$initial'], priority: 2 },
        { name: fileOf, debugName: 'tar and build', priority: 1 },
        { name: 'shared', minShareCount: 2, entriesAware: true, entriesAwareMergeThreshold: 8_000 },
      ],
    },
    chunkFileNames: ({ name }) => (name.startsWith('shared') ? 'shared-[hash].js' : '[name].js'),
    cleanDir: true,
    postBanner: ({ name }) =>
      name === BUNDLED ? `/*!\n * Contains ${BUNDLED} ${dependencies[BUNDLED]}:\n *\n${licence}\n */` : '',
  },
});
// Each by itself: a part that it shared with the command could be the command, which would then run in it.
for (const worker of ['look-worker', 'slab-worker', 'stream-worker']) {
  await build({
    ...options,
    input: { [worker]: `dist/layer/${worker}.js` },
    output: { ...output, codeSplitting: false },
  });
}
