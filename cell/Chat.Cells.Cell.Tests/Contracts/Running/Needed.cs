using Chat.Cells.Cell.Engines.Kafka;

namespace Chat.Cells.Cell.Tests.Contracts.Running;

/// <summary>What a suite needs of the machine that runs it.</summary>
public enum Needed
{
    /// <summary>Kafka's native client, which <c>make setup</c> builds; with it there is a mock cluster.</summary>
    Librdkafka,

    /// <summary>A real Kafka, named by <c>KAFKA_BOOTSTRAP_SERVERS</c>.</summary>
    Kafka,

    /// <summary>A real Kafka that wants to be logged in to, named by <c>KAFKA_SECURE_BOOTSTRAP_SERVERS</c>, and a file of client settings for it, <c>KAFKA_SECURE_PROPERTIES</c>.</summary>
    SecureKafka,

    /// <summary>The program <c>redis-server</c>.</summary>
    RedisServer,

    /// <summary>A real Redis, named by <c>REDIS_URL</c>.</summary>
    RedisUrl,

    /// <summary>A real Cassandra, named by <c>CASSANDRA_CONTACT_POINTS</c>.</summary>
    Cassandra,

    /// <summary>One that asks for the name and password of <c>CASSANDRA_USERNAME</c> and <c>CASSANDRA_PASSWORD</c>.</summary>
    CassandraPassword,
}

/// <summary>Finds out, when the tests run, whether it is there.</summary>
internal static class Lack
{
    private static readonly Lazy<string?> NoLibrdkafka = new(() =>
    {
        try
        {
            LibrdkafkaLoader.EnsureLoaded();
            return null;
        }
        catch (DllNotFoundException e)
        {
            return e.Message;
        }
    });

    /// <summary>Why a suite with such a need can't run here; null when it can.</summary>
    public static string? Of(Needed needed) => needed switch
    {
        Needed.Librdkafka => NoLibrdkafka.Value,
        Needed.Kafka => Unset("KAFKA_BOOTSTRAP_SERVERS") ?? NoLibrdkafka.Value,
        Needed.SecureKafka => Unset("KAFKA_SECURE_BOOTSTRAP_SERVERS") ?? Unset("KAFKA_SECURE_PROPERTIES") ?? NoLibrdkafka.Value,
        Needed.RedisServer => OnPath("redis-server") ? null : "redis-server is not installed",
        Needed.RedisUrl => Unset("REDIS_URL"),
        Needed.Cassandra => Unset("CASSANDRA_CONTACT_POINTS"),
        Needed.CassandraPassword => Unset("CASSANDRA_CONTACT_POINTS") ?? Unset("CASSANDRA_USERNAME"),
        _ => throw new ArgumentOutOfRangeException(nameof(needed), needed, null),
    };

    private static string? Unset(string variable) => string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable)) ? $"{variable} is not set" : null;

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Any(folder => File.Exists(Path.Combine(folder, program)));
}
