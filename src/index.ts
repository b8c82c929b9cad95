import { mainPlugin } from './plugins/main';
import { managerPlugin } from './plugins/manager';
import { noticesPlugin } from './plugins/notices';

export * from './tokens';

export default [managerPlugin, mainPlugin, noticesPlugin];
