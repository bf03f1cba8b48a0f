// Loaded before the program: at its end, writes what it has loaded to the file that LOADED names.
const { writeFileSync } = require('node:fs');
const { builtinModules } = require('node:module');

process.on('exit', () => {
  // Of Node's own modules those that anyone may load: what is behind them differs from version to version.
  const builtins = process.moduleLoadList
    .map((entry) => String(entry).replace(/^NativeModule /, ''))
    .filter((name) => builtinModules.includes(name));
  writeFileSync(process.env.LOADED, JSON.stringify({ builtins, files: Object.keys(require.cache) }));
});
