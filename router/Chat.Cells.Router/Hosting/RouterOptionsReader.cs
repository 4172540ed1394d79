using System.Globalization;
using System.Net;

namespace Chat.Cells.Router.Hosting;

/// <summary>Reads <see cref="RouterOptions"/> from the command line and the environment.</summary>
public static class RouterOptionsReader
{
    private static readonly string[] Known =
    [
        "listen", "internal", "cell-map", "map-copy", "allowed-origins", "web-root", "sign-ups-per-minute", "log-ins-per-minute", "max-body-bytes",
        "health-interval-ms", "hold-ms", "drain-seconds", "trusted-proxies",
    ];

    public const string Usage = """
        router --listen http://IP:PORT --internal http://IP:PORT --cell-map FILE [--map-copy DIR] [--allowed-origins URL,URL]
               [--web-root DIR] [--sign-ups-per-minute N] [--log-ins-per-minute N] [--max-body-bytes N] [--health-interval-ms N]
               [--hold-ms N] [--drain-seconds N] [--trusted-proxies CIDR,CIDR]
        Each option is also read from the environment: CHATCELLS_CELL_MAP for --cell-map.
        """;

    /// <exception cref="OptionsException">An option is unknown, missing or malformed; the message says which and what is expected.</exception>
    public static RouterOptions Read(IReadOnlyList<string> args, Func<string, string?> environment)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in Known)
        {
            if (environment("CHATCELLS_" + name.Replace('-', '_').ToUpperInvariant()) is { Length: > 0 } value) values[name] = value;
        }
        for (var i = 0; i < args.Count; i++)
        {
            var name = args[i].StartsWith("--", StringComparison.Ordinal) ? args[i][2..] : throw new OptionsException($"'{args[i]}' is no option.");
            if (!Known.Contains(name, StringComparer.Ordinal)) throw new OptionsException($"--{name} is no option of the router.");
            values[name] = ++i < args.Count ? args[i] : throw new OptionsException($"--{name} needs a value.");
        }

        var defaults = new RouterOptions { Listen = new IPEndPoint(0, 0), Internal = new IPEndPoint(0, 0), CellMap = "" };
        return new RouterOptions
        {
            Listen = ReadEndpoint(values, "listen"),
            Internal = ReadEndpoint(values, "internal"),
            CellMap = values.GetValueOrDefault("cell-map") ?? throw new OptionsException("--cell-map is missing: the file of the cell map."),
            MapCopy = values.GetValueOrDefault("map-copy"),
            AllowedOrigins = ReadList(values, "allowed-origins").Select(ReadOrigin).ToHashSet(StringComparer.OrdinalIgnoreCase),
            WebRoot = Path.GetFullPath(values.GetValueOrDefault("web-root") ?? defaults.WebRoot),
            SignUpsPerMinute = (int)ReadNumber(values, "sign-ups-per-minute", 0, 1_000_000, defaults.SignUpsPerMinute),
            LogInsPerMinute = (int)ReadNumber(values, "log-ins-per-minute", 0, 1_000_000, defaults.LogInsPerMinute),
            MaxBodyBytes = ReadNumber(values, "max-body-bytes", 1024, 1L << 30, defaults.MaxBodyBytes),
            HealthInterval = TimeSpan.FromMilliseconds(ReadNumber(values, "health-interval-ms", 40, 600_000, (long)defaults.HealthInterval.TotalMilliseconds)),
            Hold = TimeSpan.FromMilliseconds(ReadNumber(values, "hold-ms", 0, 30_000, (long)defaults.Hold.TotalMilliseconds)),
            Drain = TimeSpan.FromSeconds(ReadNumber(values, "drain-seconds", 0, 3600, (long)defaults.Drain.TotalSeconds)),
            TrustedProxies = ReadList(values, "trusted-proxies").Select(ReadNetwork).ToArray(),
        };
    }

    private static IPEndPoint ReadEndpoint(Dictionary<string, string> values, string name)
    {
        var text = values.GetValueOrDefault(name) ?? throw new OptionsException($"--{name} is missing: http://IP:PORT.");
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp && url.PathAndQuery == "/" && IPAddress.TryParse(url.Host.Trim('[', ']'), out var address))
            return new IPEndPoint(address, url.Port);
        throw new OptionsException($"--{name} is '{text}', but must be http://IP:PORT.");
    }

    private static string ReadOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.PathAndQuery == "/" && !text.EndsWith('/')
            ? text
            : throw new OptionsException($"--allowed-origins has '{text}', but an origin is http(s)://host[:port] without a slash at its end.");

    private static IPNetwork ReadNetwork(string text) =>
        IPNetwork.TryParse(text, out var network) ? network : throw new OptionsException($"--trusted-proxies has '{text}', which is no network such as 10.0.0.0/8.");

    private static IEnumerable<string> ReadList(Dictionary<string, string> values, string name) =>
        (values.GetValueOrDefault(name) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static long ReadNumber(Dictionary<string, string> values, string name, long least, long most, long otherwise)
    {
        if (!values.TryGetValue(name, out var text)) return otherwise;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new OptionsException($"--{name} is '{text}', but must be a whole number from {least} to {most}.");
    }
}

/// <summary>The options can't be used; the message says which one and why.</summary>
public sealed class OptionsException(string message) : Exception(message);
