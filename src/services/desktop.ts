/** Whether the browser lets this page tell by the desktop. */
export function isDesktopAllowed(): boolean {
  return 'Notification' in window && window.Notification.permission === 'granted';
}

/** Have the browser ask the user, once: what was answered stays. Best called from a click. */
export async function askForDesktop(): Promise<void> {
  if ('Notification' in window && window.Notification.permission === 'default') {
    await window.Notification.requestPermission();
  }
}

/** Show a notice on the desktop; another with the same tag takes its place. */
export function tellDesktop(title: string, body: string, tag: string, onClick: () => void): void {
  const notice = new window.Notification(title, { body, tag });
  notice.onclick = () => {
    window.focus();
    onClick();
    notice.close();
  };
}
