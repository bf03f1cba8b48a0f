// Makes the command of what tsc has compiled, and its workers: few files load several times as fast as many. The library
// stays as it is.
import { readFileSync } from 'node:fs';
import { build } from 'rolldown';

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
/** Every run needs it; the other packages are loaded by those that use them. */
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

const common = {
  platform: 'node',
  plugins: [requireBuiltins],
  external: Object.keys(dependencies).filter((name) => name !== BUNDLED),
};
const output = {
  dir: 'dist/bin',
  format: 'cjs',
  minify: { compress: false, mangle: { toplevel: false, keepNames: true }, codegen: { removeWhitespace: true } },
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
};

await build({
  ...common,
  input: { tarseal: 'dist/cli/main.js' },
  plugins: [
    ...common.plugins,
    {
      name: 'no-subcommands',
      // For subcommands that are programs of their own, of which there are none; it costs a tenth of a short run.
      resolveId: (id, importer) => (id === 'node:child_process' && importer?.includes(BUNDLED) ? '\0nothing' : null),
      load: (id) => (id === '\0nothing' ? 'export default {};' : null),
    },
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
    // One file for what every run needs and one for what several commands share: each more costs as much as its code.
    codeSplitting: {
      groups: [
        { name: 'start', tags: ['$initial'], priority: 1 },
        { name: 'common', minShareCount: 2 },
      ],
    },
    cleanDir: true,
    postBanner: ({ isEntry }) =>
      isEntry ? `/*!\n * Contains ${BUNDLED} ${dependencies[BUNDLED]}:\n *\n${licence}\n */` : '',
  },
});
// Each by itself: a part that it shared with the command could be the command, which would then run in it.
for (const worker of ['look-worker', 'slab-worker', 'stream-worker']) {
  await build({
    ...common,
    input: { [worker]: `dist/layer/${worker}.js` },
    output: { ...output, codeSplitting: false },
  });
}
