using System.Text.RegularExpressions;

namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>What names, labels and annotations may look like, with the real server's explanations.</summary>
public static partial class Names
{
    private const string SubdomainText =
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character " +
        "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

    private const string LabelText =
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character " +
        "(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

    private const string ServiceText =
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character " +
        "(e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

    private const string QualifiedText =
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
        "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

    private const string LabelValueText =
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
        "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

    /// <summary>What is wrong with a DNS-1123 subdomain, or null.</summary>
    public static string? SubdomainProblem(string name) =>
        name.Length > 253 ? "must be no more than 253 characters" : Subdomain().IsMatch(name) ? null : SubdomainText;

    /// <summary>What is wrong with a DNS-1123 label, or null.</summary>
    public static string? LabelProblem(string name) =>
        name.Length > 63 ? "must be no more than 63 characters" : Label().IsMatch(name) ? null : LabelText;

    /// <summary>What is wrong with a DNS-1035 label, or null.</summary>
    public static string? ServiceProblem(string name) =>
        name.Length > 63 ? "must be no more than 63 characters" : ServiceLabel().IsMatch(name) ? null : ServiceText;

    /// <summary>What is wrong with a path segment name (RBAC kinds), or null.</summary>
    public static string? PathSegmentProblem(string name) =>
        name is "." or ".." || name.Contains('/', StringComparison.Ordinal) || name.Contains('%', StringComparison.Ordinal) ? "may not be '.', '..', or contain '/' or '%'" : null;

    /// <summary>What is wrong with a label or annotation key, or null.</summary>
    public static string? QualifiedNameProblem(string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        if (slash >= 0 && SubdomainProblem(key[..slash]) is { } prefix)
        {
            return slash == 0 ? "prefix part must be non-empty" : "prefix part " + prefix;
        }

        var name = key[(slash + 1)..];
        return name.Length switch
        {
            0 => "name part must be non-empty",
            > 63 => "name part must be no more than 63 characters",
            _ => QualifiedName().IsMatch(name) ? null : QualifiedText,
        };
    }

    /// <summary>What is wrong with a label's value, or null.</summary>
    public static string? LabelValueProblem(string value) => value.Length > 63
        ? "must be no more than 63 characters"
        : value.Length == 0 || QualifiedName().IsMatch(value) ? null : LabelValueText;

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Subdomain();

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Label();

    [GeneratedRegex(@"\A[a-z]([-a-z0-9]*[a-z0-9])?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex ServiceLabel();

    [GeneratedRegex(@"\A([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\z", RegexOptions.ExplicitCapture)]
    private static partial Regex QualifiedName();
}
