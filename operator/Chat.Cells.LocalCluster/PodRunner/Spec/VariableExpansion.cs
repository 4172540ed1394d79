using System.Text;

namespace Chat.Cells.LocalCluster.PodRunner.Spec;

/// <summary>Kubernetes' <c>$(NAME)</c> references: a known name is replaced, an unknown one stays as it is, <c>$$</c> is a plain dollar sign.</summary>
public static class VariableExpansion
{
    /// <summary>Expands one string.</summary>
    public static string Expand(string text, IReadOnlyDictionary<string, string> variables)
    {
        if (!text.Contains('$', StringComparison.Ordinal))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '$' || i + 1 == text.Length)
            {
                result.Append(text[i]);
                continue;
            }

            switch (text[i + 1])
            {
                case '$':
                    result.Append('$');
                    i++;
                    break;
                case '(' when text.IndexOf(')', i + 2) is var close and > 0:
                    var name = text[(i + 2)..close];
                    result.Append(variables.TryGetValue(name, out var value) ? value : text[i..(close + 1)]);
                    i = close;
                    break;
                default:
                    result.Append('$');
                    break;
            }
        }

        return result.ToString();
    }
}
