using System.Text;

namespace Chat.Cells.Kubernetes.Client;

/// <summary>A query string, piece by piece; nulls are left out.</summary>
internal sealed class QueryText
{
    private readonly StringBuilder _text = new();

    public QueryText Add(string name, string? value)
    {
        if (value is not null)
        {
            _text.Append(_text.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }
        return this;
    }

    public QueryText Add(string name, bool value) => Add(name, value ? "true" : null);

    public QueryText Add(string name, long? value) => Add(name, value?.ToString(System.Globalization.CultureInfo.InvariantCulture));

    public QueryText Add(WriteOptions? options) => options is null
        ? this
        : Add("fieldManager", options.FieldManager).Add("dryRun", options.DryRun ? "All" : null).Add("fieldValidation", options.FieldValidation);

    public override string ToString() => _text.ToString();
}
