using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;

namespace Chat.Cells.Operator.Plan;

/// <summary>Why the credentials of an engine can't be used. Names secret and key, never what is in it.</summary>
/// <param name="Reason">In one word: <c>SecretMissing</c>, <c>SecretKeyMissing</c> or <c>SecretInvalid</c>.</param>
/// <param name="Message">In words.</param>
internal sealed record EngineSecretFault(string Reason, string Message)
{
    /// <summary>It may come by itself, in the order in which things are applied; else somebody has to mend what is there.</summary>
    public bool MayCome => Reason != EngineSecretKeys.Invalid;
}

/// <summary>The keys of engines' secrets that a cell reads, by the names of its files, and what is in them as far as it can be told without the engine.</summary>
internal static class EngineSecretKeys
{
    public const string Missing = "SecretMissing";
    public const string KeyMissing = "SecretKeyMissing";
    public const string Invalid = "SecretInvalid";

    public const string KafkaProperties = "kafka.properties";
    public const string KafkaAuthorities = "kafka-ca.pem";
    public const string KafkaCertificate = "kafka-certificate.pem";
    public const string KafkaKey = "kafka-key.pem";
    public const string CassandraUserName = "cassandra-username";
    public const string CassandraPassword = "cassandra-password";
    public const string CassandraAuthorities = "cassandra-ca.pem";
    public const string RedisPassword = "redis-password";
    public const string RedisAuthorities = "redis-ca.pem";

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The keys of a component's secret that are mounted when they are there.</summary>
    public static IReadOnlyList<string> Of(string component) => component switch
    {
        "kafka" => [KafkaProperties, KafkaAuthorities, KafkaCertificate, KafkaKey],
        "cassandra" => [CassandraUserName, CassandraPassword, CassandraAuthorities],
        _ => [RedisPassword, RedisAuthorities],
    };

    /// <summary>What is wrong with a component's secret; null when nothing is, or when it names none.</summary>
    public static EngineSecretFault? Fault(string component, EngineSpec spec, IReadOnlyDictionary<string, EngineSecret> secrets)
    {
        if (spec.SecretName is not { } name)
        {
            return null;
        }
        if (!secrets.TryGetValue(name, out var secret))
        {
            return new EngineSecretFault(Missing, $"the secret {name} that {component}.secretName names is not there");
        }
        if (Required(component, secret.Data) is { } lacks)
        {
            return new EngineSecretFault(KeyMissing, $"the secret {name} has no {lacks}, which {component} needs");
        }
        foreach (var key in Of(component))
        {
            if (secret.Data.TryGetValue(key, out var value) && Malformed(key, value) is { } what)
            {
                return new EngineSecretFault(Invalid, $"{key} of the secret {name} {what}");
            }
        }
        return null;
    }

    private static string? Required(string component, IReadOnlyDictionary<string, byte[]> data)
    {
        switch (component)
        {
            case "kafka":
                return data.ContainsKey(KafkaProperties) ? null : KafkaProperties;
            case "cassandra" when data.ContainsKey(CassandraUserName) != data.ContainsKey(CassandraPassword):
                return data.ContainsKey(CassandraUserName) ? CassandraPassword : CassandraUserName;
            default:
                return Of(component).Any(data.ContainsKey) ? null : string.Join(" and no ", Of(component));
        }
    }

    private static string? Malformed(string key, byte[] value)
    {
        string text;
        try
        {
            text = Utf8.GetString(value);
        }
        catch (DecoderFallbackException)
        {
            return "is not text (UTF-8)";
        }
        return string.IsNullOrWhiteSpace(text) && key != KafkaProperties ? "is empty"
            : key == KafkaProperties ? Properties(text)
            : key == KafkaKey ? (text.Contains("PRIVATE KEY-----", StringComparison.Ordinal) ? null : "has no private key in PEM")
            : key.EndsWith(".pem", StringComparison.Ordinal) ? Certificates(text)
            : text.Trim().AsSpan().ContainsAny('\r', '\n') ? "has more than one line" : null;
    }

    private static string? Properties(string text)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            var name = equals > 0 ? line[..equals].TrimEnd() : string.Empty;
            if (name.Length == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"has something else than name=value in line {number}");
            }
            if (!names.Add(name))
            {
                // Not the name: whoever forgot a line's end may have put a value there.
                return string.Create(CultureInfo.InvariantCulture, $"has a name in line {number} that it had before");
            }
        }
        return null;
    }

    private static string? Certificates(string pem)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
            return certificates.Count > 0 ? null : "has no certificate in PEM";
        }
        catch (CryptographicException)
        {
            return "has no certificate in PEM that can be read";
        }
        finally
        {
            foreach (var certificate in certificates)
            {
                certificate.Dispose();
            }
        }
    }
}
