using System.Net;

namespace Chat.Cells.Bridge;

/// <summary>How a bridge runs.</summary>
/// <param name="Source">The cell whose records are copied.</param>
/// <param name="Target">The cell that they are for.</param>
/// <param name="SourceUrl">The source's internal listener.</param>
/// <param name="TargetUrl">The target's internal listener.</param>
/// <param name="SecretsDirectory">Holds the files <c>source-token</c> and <c>target-token</c>; read again when they change.</param>
/// <param name="Listen">Where health and metrics are served.</param>
public sealed record BridgeOptions(string Source, string Target, Uri SourceUrl, Uri TargetUrl, string SecretsDirectory, IPEndPoint Listen)
{
    public const string Usage = """
        bridge --source CELL --target CELL --source-url http://HOST:PORT --target-url http://HOST:PORT --secrets DIR --listen http://IP:PORT
        Each option is also read from the environment: CHATCELLS_SOURCE_URL for --source-url. DIR holds source-token and target-token.
        """;

    private static readonly string[] Known = ["source", "target", "source-url", "target-url", "secrets", "listen"];

    /// <exception cref="OptionsException">An option is unknown, missing or malformed.</exception>
    public static BridgeOptions Read(IReadOnlyList<string> args, Func<string, string?> environment)
    {
        var values = new Dictionary<string, string>();
        foreach (var name in Known)
        {
            if (environment("CHATCELLS_" + name.Replace('-', '_').ToUpperInvariant()) is { Length: > 0 } value) values[name] = value;
        }
        for (var i = 0; i < args.Count; i++)
        {
            var name = args[i].StartsWith("--", StringComparison.Ordinal) ? args[i][2..] : throw new OptionsException($"'{args[i]}' is no option.");
            if (!Known.Contains(name)) throw new OptionsException($"--{name} is no option of the bridge.");
            values[name] = ++i < args.Count ? args[i] : throw new OptionsException($"--{name} needs a value.");
        }
        return new BridgeOptions(
            Required(values, "source"), Required(values, "target"), ReadUrl(values, "source-url"), ReadUrl(values, "target-url"), Required(values, "secrets"), ReadListen(values));
    }

    private static string Required(Dictionary<string, string> values, string name) =>
        values.GetValueOrDefault(name) ?? throw new OptionsException($"--{name} is missing.");

    private static Uri ReadUrl(Dictionary<string, string> values, string name)
    {
        var text = Required(values, name);
        return Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.PathAndQuery == "/"
            ? url
            : throw new OptionsException($"--{name} is '{text}', but must be http(s)://HOST:PORT.");
    }

    private static IPEndPoint ReadListen(Dictionary<string, string> values)
    {
        var text = Required(values, "listen");
        return Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp && url.PathAndQuery == "/" && IPAddress.TryParse(url.Host.Trim('[', ']'), out var address)
            ? new IPEndPoint(address, url.Port)
            : throw new OptionsException($"--listen is '{text}', but must be http://IP:PORT.");
    }
}

/// <summary>The command line can't be used; the message says why.</summary>
public sealed class OptionsException(string message) : Exception(message);
