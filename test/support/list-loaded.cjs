// Loaded before the program: at its end, writes what it has loaded to the file that LOADED names.
const { writeFileSync } = require('node:fs');
const { builtinModules } = require('node:module');
const vm = require('node:vm');

/** Files of the bundle, and whether their code came from V8's cache. */
const scripts = {};
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options);
    scripts[options.filename] = options.cachedData !== undefined && !this.cachedDataRejected;
  }
};

process.on('exit', () => {
  // Of Node's own modules those that anyone may load: what is behind them differs from version to version.
  const builtins = process.moduleLoadList
    .map((entry) => String(entry).replace(/^NativeModule /, ''))
    .filter((name) => builtinModules.includes(name));
  writeFileSync(process.env.LOADED, JSON.stringify({ builtins, files: Object.keys(require.cache), scripts }));
});
