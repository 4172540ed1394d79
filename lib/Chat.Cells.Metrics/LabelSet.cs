using System.Globalization;
using System.Text;

namespace Chat.Cells.Metrics;

/// <summary>The tags of one series, with their text as it stands between braces.</summary>
internal sealed class LabelSet
{
    private readonly KeyValuePair<string, object?>[] tags;

    public LabelSet(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        this.tags = tags.ToArray();
        Text = Write(this.tags);
    }

    /// <summary><c>a="x",b="y"</c>, sorted by name, escaped; empty without tags.</summary>
    public string Text { get; }

    private static string Write(KeyValuePair<string, object?>[] tags)
    {
        if (tags.Length == 0) return "";
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in tags) labels[MetricName.Label(key)] = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            if (text.Length > 0) text.Append(',');
            text.Append(name).Append("=\"");
            Escape(text, value, quotes: true);
            text.Append('"');
        }
        return text.ToString();
    }

    /// <summary>Backslash and line feed are escaped everywhere, the quote only in label values.</summary>
    public static void Escape(StringBuilder text, string value, bool quotes)
    {
        foreach (var c in value)
        {
            switch (c)
            {
                case '\\':
                    text.Append("\\\\");
                    break;
                case '\n':
                    text.Append("\\n");
                    break;
                case '"' when quotes:
                    text.Append("\\\"");
                    break;
                default:
                    text.Append(c);
                    break;
            }
        }
    }

    /// <summary>Finds a series by the tags of a measurement without allocating. Tags in another order are the same text, but a set of their own until written.</summary>
    public sealed class Comparer : IEqualityComparer<LabelSet>, IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, LabelSet>
    {
        public static readonly Comparer Instance = new();

        public LabelSet Create(ReadOnlySpan<KeyValuePair<string, object?>> alternate) => new(alternate);

        public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> alternate, LabelSet other)
        {
            if (alternate.Length != other.tags.Length) return false;
            for (var i = 0; i < alternate.Length; i++)
            {
                if (alternate[i].Key != other.tags[i].Key || !Equals(alternate[i].Value, other.tags[i].Value)) return false;
            }
            return true;
        }

        public bool Equals(LabelSet? x, LabelSet? y) => ReferenceEquals(x, y) || (x is not null && y is not null && Equals(x.tags, y));

        public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> alternate)
        {
            var hash = new HashCode();
            foreach (var (key, value) in alternate)
            {
                hash.Add(key);
                hash.Add(value);
            }
            return hash.ToHashCode();
        }

        public int GetHashCode(LabelSet obj) => GetHashCode(obj.tags);
    }
}
