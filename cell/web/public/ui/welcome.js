import { $, el, formError, reconcile, setText, tabs } from './dom.js';
import { explain } from './format.js';

const HANDLE = /^[a-z0-9][a-z0-9._-]{1,30}$/;
const FULL_HANDLE = /^[a-z0-9][a-z0-9._-]{1,30}@[a-z0-9-]{1,40}$/;

/** Sign up and log in. */
export class Welcome {
  #chat;
  #tabs;

  constructor(chat) {
    this.#chat = chat;
    this.#tabs = tabs(document.querySelector('.welcome-form .tabs'), () => this.#focusFirst());
    this.#form($('form-signup'), form => this.#signUp(form));
    this.#form($('form-login'), form => this.#logIn(form));
    $('signup-regions').addEventListener('change', () => this.#suffix());
  }

  show(lastHandle) {
    $('login-handle').value = lastHandle ?? '';
    this.#tabs.select(lastHandle ? 'tab-login' : 'tab-signup');
  }

  /** Offers the regions that the table of cells names. */
  regions({ cells }) {
    const regions = [...new Set(cells.map(cell => cell.region))].sort();
    const list = $('signup-regions');
    const chosen = list.querySelector('input:checked')?.value;
    for (const other of list.querySelectorAll('p')) other.remove();
    reconcile(list, regions, {
      key: region => region,
      create: region => el('label', { class: 'region' }, [
        el('input', { type: 'radio', name: 'region', value: region }),
        el('span', { class: 'region-name', text: region }),
        el('span', { class: 'region-state muted' }),
      ]),
      update: (label, region) => {
        const up = cells.some(cell => cell.region === region && cell.healthy && cell.state === 'Active');
        setText(label.querySelector('.region-state'), up ? 'Open' : 'Not available now');
        label.classList.toggle('is-down', !up);
      },
    });
    if (!chosen && regions.length) list.querySelector('input').checked = true;
    this.#suffix();
  }

  #focusFirst() {
    if (!$('welcome').hidden) document.querySelector('.welcome-form form:not([hidden]) input:not([type=radio])')?.focus();
  }

  #region() {
    return $('signup-regions').querySelector('input:checked')?.value;
  }

  #suffix() {
    setText($('signup-suffix'), `@${this.#region() ?? 'region'}`);
  }

  #form(form, action) {
    form.addEventListener('submit', async event => {
      event.preventDefault();
      const button = form.querySelector('[type=submit]');
      for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
      formError(form, null);
      button.disabled = true;
      form.setAttribute('aria-busy', 'true');
      try {
        await action(form);
        form.reset();
      } catch (error) {
        if (error.name !== 'ChatError' && error.name !== 'InputError') throw error;
        formError(form, error.name === 'InputError' ? error.message : explain(error));
        error.input?.setAttribute('aria-invalid', 'true');
        (error.input ?? button).focus();
      } finally {
        button.disabled = false;
        form.removeAttribute('aria-busy');
      }
    });
  }

  async #signUp(form) {
    const region = this.#region();
    if (!region) throw inputError('No region can be reached. Wait a moment, then try again.');
    const displayName = form.displayName.value.trim();
    const handle = form.handle.value.trim().toLowerCase().replace(new RegExp(`@${region}$`), '');
    if (!displayName) throw inputError('Say what others should call you.', form.displayName);
    if (!HANDLE.test(handle)) throw inputError('A handle has 2 to 31 letters (a to z), digits, dots, dashes or underscores, and starts with a letter or digit.', form.handle);
    if (form.password.value.length < 8) throw inputError('The password needs at least 8 characters.', form.password);
    await this.#chat.signUp({ region, handle, password: form.password.value, displayName });
  }

  async #logIn(form) {
    const handle = form.handle.value.trim().toLowerCase();
    if (!FULL_HANDLE.test(handle)) throw inputError('Write your handle with its region, such as anna@eu-west.', form.handle);
    if (!form.password.value) throw inputError('Write your password.', form.password);
    try {
      await this.#chat.logIn({ handle, password: form.password.value });
    } catch (error) {
      if (error.status === 401 || error.status === 404) throw inputError('Handle or password is wrong. Check both, then try again.', form.password);
      throw error;
    }
  }
}

function inputError(message, input) {
  return Object.assign(new Error(message), { name: 'InputError', input });
}
