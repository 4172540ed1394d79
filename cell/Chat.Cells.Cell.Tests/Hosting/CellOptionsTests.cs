using Chat.Cells.Cell.Hosting;

namespace Chat.Cells.Cell.Tests.Hosting;

public sealed class CellOptionsTests
{
    private static readonly string[] Required = ["--cell", "eu-west-1", "--number", "1", "--region", "eu-west", "--data", "/d", "--secrets", "/s"];

    private static CellOptions Read(params string[] more) => CellOptionsReader.Read([.. Required, .. more], _ => null);

    [Fact]
    public void Read_OptionsAndEnvironment_TheOptionWins()
    {
        var options = CellOptionsReader.Read(
            [.. Required, "--server-id=s7", "--allowed-origins", "http://a, http://b"],
            name => name switch { "CHATCELLS_SERVER_ID" => "other", "CHATCELLS_MESSAGES_PER_MINUTE" => "0", "CHATCELLS_PUBLIC" => "http://127.0.0.9:99", _ => null });
        Assert.Equal(("s7", 0, 99), (options.ServerId, options.MessagesPerMinute, options.Public.Port));
        Assert.Equal(["http://a", "http://b"], options.AllowedOrigins);
        Assert.Equal(["gateway", "fanout", "delivery"], options.Roles);
    }

    [Theory]
    [InlineData("--nonsense", "1", "--nonsense")]
    [InlineData("stray", "x", "stray")]
    [InlineData("--number", "0", "--number")]
    [InlineData("--number", "70000", "--number")]
    [InlineData("--region", "Europe!", "--region")]
    [InlineData("--roles", "gateway,dancer", "dancer")]
    [InlineData("--log", "kafka", "--kafka-bootstrap")]
    [InlineData("--log", "pulsar", "embedded, kafka")]
    [InlineData("--store", "kafka", "--store")]
    [InlineData("--kafka-replication", "0", "--kafka-replication")]
    [InlineData("--kafka-min-isr", "many", "--kafka-min-isr")]
    [InlineData("--topics", "medium", "--topics")]
    [InlineData("--kafka-topics", "theirs", "--kafka-topics")]
    [InlineData("--kafka-prefix", "chat.", "--kafka-prefix")]
    [InlineData("--store", "scylla", "embedded, cassandra")]
    [InlineData("--store", "cassandra", "--cassandra host:port")]
    [InlineData("--cassandra", "localhost", "--cassandra")]
    [InlineData("--cassandra", "a:9042,b:x", "b:x")]
    [InlineData("--cassandra-addresses", "", "names no")]
    [InlineData("--cassandra-addresses", "10.0.0.1:9042", "'10.0.0.1:9042'")]
    [InlineData("--cassandra-addresses", "10.0.0.1=10.0.0.2:9042", "'10.0.0.1=10.0.0.2:9042'")]
    [InlineData("--cassandra-addresses", "10.0.0.1:9042=10.0.0.2:0", "'10.0.0.1:9042=10.0.0.2:0'")]
    [InlineData("--cassandra-addresses", "10.0.0.1:9042=10.0.0.2:70000", "70000")]
    [InlineData("--cassandra-addresses", "node:9042=10.0.0.2:9042", "'node:9042")]
    [InlineData("--cassandra-addresses", "10.0.0.1:9042=10.0.0.2:9042=10.0.0.3:9042", "is not ip:port=ip:port")]
    [InlineData("--cassandra-addresses", "10.0.0.1:9042=10.0.0.2:1,10.0.0.1:9042=10.0.0.2:2", "10.0.0.1:9042 twice")]
    [InlineData("--cassandra-keyspace", "eu-west-1", "--cassandra-keyspace")]
    [InlineData("--cassandra-keyspace", "Chat", "--cassandra-keyspace")]
    [InlineData("--cassandra-keyspace", "k; DROP KEYSPACE k", "--cassandra-keyspace")]
    [InlineData("--cassandra-replication", "0", "--cassandra-replication")]
    [InlineData("--cassandra-replication", "three", "--cassandra-replication")]
    [InlineData("--state", "memcached", "memcached")]
    [InlineData("--state", "redis", "--redis")]
    [InlineData("--redis", "localhost", "--redis")]
    [InlineData("--redis", "localhost:0", "--redis")]
    [InlineData("--redis", "a:6379,b:99999", "b:99999")]
    [InlineData("--redis", ":6379", "--redis")]
    [InlineData("--redis", " , ", "--redis")]
    [InlineData("--public", "https://example.com", "--public")]
    [InlineData("--generate-secrets", "maybe", "--generate-secrets")]
    [InlineData("--max-connections", "-5", "--max-connections")]
    [InlineData("--server-id", "", "--server-id")]
    [InlineData("--server-id", "a b", "--server-id")]
    [InlineData("--server-id", "a:b", "--server-id")]
    [InlineData("--audit-per-second", "-1", "--audit-per-second")]
    [InlineData("--kafka-bootstrap", "localhost", "--kafka-bootstrap")]
    public void Read_BadValue_SaysWhichOption(string name, string value, string named) =>
        Assert.Contains(named, Assert.Throws<OptionsException>(() => Read(name, value)).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_Kafka_HasItsSettings()
    {
        var options = Read("--log", "kafka", "--kafka-bootstrap", "a:9092,b:9092", "--kafka-replication", "1", "--kafka-min-isr", "1", "--topics", "small");
        Assert.Equal(("kafka", "a:9092,b:9092", 1, 1, true), (options.Log, options.KafkaBootstrap, options.KafkaReplication, options.KafkaMinInSync, options.SmallTopics));

        var defaults = Read("--log=kafka", "--kafka-bootstrap=a:9092");
        Assert.Equal((3, 2, false), (defaults.KafkaReplication, defaults.KafkaMinInSync, defaults.SmallTopics));
    }

    [Fact]
    public void Read_MoreKafkaAcksThanCopies_IsRefused() =>
        Assert.Contains("--kafka-min-isr", Assert.Throws<OptionsException>(() => Read("--log=kafka", "--kafka-bootstrap=a:9092", "--kafka-replication=1")).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_StateOnRedis_KeepsItsNodes()
    {
        var options = Read("--state", "redis", "--redis", "redis-0.redis:6379, 10.0.0.7:6380,[::1]:6381");
        Assert.Equal(("redis", "redis-0.redis:6379,10.0.0.7:6380,[::1]:6381"), (options.State, options.Redis));
        Assert.Equal(("embedded", null), (Read().State, Read().Redis));
    }

    [Fact]
    public void Read_MissingOrLastWithoutValue_IsRefused()
    {
        Assert.Throws<OptionsException>(() => CellOptionsReader.Read(["--cell", "x"], _ => null));
        Assert.Throws<OptionsException>(() => Read("--server-id"));
    }
}
