using Confluent.Kafka;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>The client settings of a secret that may be changed while the server runs. Whoever makes a client takes <see cref="Current"/>.</summary>
/// <param name="first">As they were at the start.</param>
/// <param name="read">Reads them now; must not throw.</param>
public sealed class LiveSettings(IReadOnlyDictionary<string, string> first, Func<IReadOnlyDictionary<string, string>> read)
{
    private volatile IReadOnlyDictionary<string, string> _current = first;

    public IReadOnlyDictionary<string, string> Current => _current;

    /// <summary>What the secret has now; null when that is what is used.</summary>
    public IReadOnlyDictionary<string, string>? FindChanged()
    {
        var now = read();
        var same = now.Count == _current.Count && now.All(setting => _current.TryGetValue(setting.Key, out var value) && value == setting.Value);
        return same ? null : now;
    }

    public void Take(IReadOnlyDictionary<string, string> settings) => _current = settings;

    /// <summary>Whether brokers answer a client with these settings. Blocks up to the request time-out.</summary>
    /// <returns>Null when they do, else why not; never a value of a setting.</returns>
    internal static string? Try(KafkaOptions options, IReadOnlyDictionary<string, string> settings)
    {
        string? said = null;
        try
        {
            using var client = new AdminClientBuilder((options with { Live = null, Settings = settings }).Client("chat-cells-admin"))
                .SetLogHandler((_, _) => { })
                .SetErrorHandler((_, error) => said = error.Code != ErrorCode.Local_AllBrokersDown || said is null ? error.Reason : said)
                .Build();
            client.GetMetadata(options.RequestTimeout);
            return null;
        }
        catch (KafkaException e)
        {
            return said ?? e.Error.Reason;
        }
        catch (InvalidOperationException e)
        {
            // Names the setting.
            return e.Message;
        }
        catch (ArgumentException)
        {
            // The client's own words would show the value.
            return "Kafka's client refuses a value.";
        }
    }
}
