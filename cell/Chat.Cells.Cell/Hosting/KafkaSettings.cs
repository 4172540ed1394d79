using Chat.Cells.Cell.Engines.Kafka;

namespace Chat.Cells.Cell.Hosting;

/// <summary>Makes the Kafka engine's options from the cell's, and from the security settings in its Secret.</summary>
public static class KafkaSettings
{
    /// <summary>The file of the secrets folder with settings by librdkafka's names: one <c>name=value</c> a line; lines that begin with <c>#</c> are comments.</summary>
    public const string SecretsFile = "kafka.properties";

    /// <summary>Who signed the brokers' certificates; taken unless <see cref="SecretsFile"/> names another file.</summary>
    public const string AuthoritiesFile = "kafka-ca.pem";

    private const string Authorities = "ssl.ca.location";
    private const string SessionTimeout = "session.timeout.ms";
    private const int LeastSession = 1_000;
    private const int LongestSession = 300_000;

    /// <param name="options">The cell's.</param>
    /// <param name="logger">Hears of a file that was changed to something useless.</param>
    /// <exception cref="OptionsException">No bootstrap servers, or a secrets file that can't be read. Never shows a value of it.</exception>
    public static KafkaOptions From(CellOptions options, ILogger logger)
    {
        if (string.IsNullOrWhiteSpace(options.KafkaBootstrap)) throw new OptionsException("--log kafka needs --kafka-bootstrap host:port,….");
        var settings = Read(options);
        var kafka = new KafkaOptions
        {
            BootstrapServers = options.KafkaBootstrap,
            Prefix = options.KafkaPrefixed ? options.Cell + "." : "",
            ExternalTopics = options.KafkaTopicsExternal,
            ReplicationFactor = (short)options.KafkaReplication,
            MinInSyncReplicas = options.KafkaMinInSync,
            InstanceId = options.ServerId,
            Settings = settings,
            Live = new LiveSettings(settings, EngineSecrets.Again(settings, () => Read(options), logger)),
        };
        return settings.TryGetValue(SessionTimeout, out var session) ? kafka with { SessionTimeout = ReadSession(session) } : kafka;
    }

    /// <summary>Settings whose value is a file. One without a folder is in the secrets folder: nobody who writes the Secret knows where that will be.</summary>
    private static readonly string[] Files = [Authorities, "ssl.certificate.location", "ssl.key.location", "ssl.crl.location", "ssl.keystore.location"];

    private static IReadOnlyDictionary<string, string> Read(CellOptions options)
    {
        var settings = EngineSecrets.Read(options, SecretsFile) is { } text ? new Dictionary<string, string>(Parse(text), StringComparer.Ordinal) : [];
        foreach (var name in Files)
        {
            if (settings.TryGetValue(name, out var file) && file.Length > 0 && file != "probe" && !file.Contains('/', StringComparison.Ordinal)) settings[name] = Path.Combine(options.SecretsDirectory, file);
        }
        var authorities = Path.Combine(options.SecretsDirectory, AuthoritiesFile);
        if (!settings.ContainsKey(Authorities) && File.Exists(authorities)) settings[Authorities] = authorities;
        return settings;
    }

    /// <summary>The heartbeat's interval follows it, so that it is the engine's and not only the client's.</summary>
    private static TimeSpan ReadSession(string text) =>
        int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var milliseconds) && milliseconds is >= LeastSession and <= LongestSession
            ? TimeSpan.FromMilliseconds(milliseconds)
            : throw new OptionsException($"{SecretsFile}: {SessionTimeout} is not a number from {LeastSession} to {LongestSession}.");

    /// <exception cref="OptionsException">A line that is no setting; the message has its number only.</exception>
    public static IReadOnlyDictionary<string, string> Parse(string text)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        var number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0 || line[0] == '#') continue;
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            var name = equals > 0 ? line[..equals].TrimEnd() : "";
            if (name.Length == 0) throw new OptionsException($"{SecretsFile}, line {number}: not name=value.");
            if (!settings.TryAdd(name, line[(equals + 1)..].TrimStart())) throw new OptionsException($"{SecretsFile}, line {number}: '{name}' stands there twice.");
        }
        return settings;
    }
}
