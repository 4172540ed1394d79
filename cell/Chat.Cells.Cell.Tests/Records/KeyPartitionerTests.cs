using System.Text;
using Chat.Cells.Cell.Messaging;

namespace Chat.Cells.Cell.Tests.Records;

public sealed class KeyPartitionerTests
{
    /// <summary>The vectors of Apache Kafka's own test of its murmur2 (clients, UtilsTest.testMurmur2).</summary>
    [Theory]
    [InlineData("21", -973932308)]
    [InlineData("foobar", -790332482)]
    [InlineData("a-little-bit-long-string", -985981536)]
    [InlineData("a-little-bit-longer-string", -1486304829)]
    [InlineData("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)]
    [InlineData("abc", 479470107)]
    public void Murmur2_OfKafkasVectors_IsTheSame(string key, int hash) => Assert.Equal(hash, KeyPartitioner.Murmur2(Encoding.UTF8.GetBytes(key)));

    [Theory]
    [InlineData("21", 64)]
    [InlineData("foobar", 1)]
    [InlineData("abc", 128)]
    public void PartitionFor_IsTheHashWithoutSignModuloTheCount(string key, int partitions)
    {
        var bytes = Encoding.UTF8.GetBytes(key);

        Assert.Equal((KeyPartitioner.Murmur2(bytes) & int.MaxValue) % partitions, KeyPartitioner.PartitionFor(bytes, partitions));
    }

    [Fact]
    public void PartitionFor_ManyKeys_SpreadsEvenly()
    {
        var counts = new int[8];
        for (var i = 0; i < 8000; i++) counts[KeyPartitioner.PartitionFor(Encoding.UTF8.GetBytes($"eu-west-1.{i}"), 8)]++;

        Assert.All(counts, count => Assert.InRange(count, 800, 1200));
    }
}
