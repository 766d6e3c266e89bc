// Enter in a select submits its form, as it does in a text field: browsers open the list instead.

/** A handler of `keydown`. As by the browser's own rule, a form whose submit button is disabled is not submitted. */
export function submitByEnter(event) {
  const { target, key } = event;
  if (key !== "Enter" || event.defaultPrevented || event.repeat || event.isComposing || !(target instanceof HTMLSelectElement)) return;
  const button = target.form?.querySelector('[type="submit"]');
  if (!button) return; // not part of a form: it takes effect as soon as it is changed
  event.preventDefault();
  if (!button.disabled) target.form.requestSubmit(button);
}
