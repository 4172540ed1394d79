using Cassandra.Connections;
using Cassandra.Protocol;
using FsCheck;
using FsCheck.Fluent;

namespace Cassandra.Tests.Codec;

/// <summary>Protocol v5's segments, and frames cut out of them. Constants are from <c>cassandra.segment</c> of the Python driver 3.25.0 (Debian's <c>python3-cassandra</c>).</summary>
public sealed class SegmentTests
{
    [Theory]
    [InlineData("61", "0100027256ac61534a29f7")]
    [InlineData("000102030405060708", "090002a4c8c1000102030405060708831bb795")]
    [InlineData("68656c6c6f20776f726c6468656c6c6f20776f726c6468656c6c6f20776f726c64", "21000221628d68656c6c6f20776f726c6468656c6c6f20776f726c6468656c6c6f20776f726c648d998062")]
    public void Wrap_SmallPayload_IsTheOtherDriversSegment(string payload, string expected) =>
        Assert.Equal(expected, Convert.ToHexStringLower(Segments.Wrap(Convert.FromHexString(payload))));

    // Payload byte i is i * 31 + 7; the last column is zlib's CRC-32 of the other driver's whole output.
    [Theory]
    [InlineData(131_071, 131_081, "ffff03254047", 0x30ff55cb)]
    [InlineData(131_072, 131_092, "ffff013891fe", 0x5225f2ab)]
    [InlineData(300_000, 300_030, "ffff013891fe", 0x2e764aaa)]
    public void Wrap_LargePayload_IsCutAsTheOtherDriverCutsIt(int length, int expectedLength, string header, uint crc)
    {
        var output = Segments.Wrap(Payload(length));

        Assert.Equal(expectedLength, output.Length);
        Assert.Equal(header, Convert.ToHexStringLower(output[..6]));
        Assert.Equal(crc, PlainCrc32(output));
    }

    [Theory]
    [InlineData(0x0, 3, 0x7de777)]
    [InlineData(0x20005, 3, 0x9a9919)]
    [InlineData(0x1ffff, 3, 0xfe9138)]
    [InlineData(0xabcdef, 3, 0xa728d7)]
    [InlineData(0x123456789a, 5, 0x40d313)]
    public void Crc24_OfHeader_IsTheOtherDrivers(ulong value, int length, uint expected) => Assert.Equal(expected, Crc.Crc24(value, length));

    [Fact]
    public void Frames_StreamCutAnywhere_AreTheSame() => Prop.ForAll(
        ArbMap.Default.ArbFor<(byte[] A, byte[] B, PositiveInt Cut, bool Segmented)>(),
        c => Task.Run(async () =>
        {
            byte[][] bodies = [c.A, c.B, Payload(c.Cut.Get * 997 % 200_000)];
            var bytes = bodies.SelectMany((body, i) => Frames.Encode(5, (short)i, new Request(Opcode.Query, body), c.Segmented)).ToArray();
            var reader = new FrameReader(new CutStream(bytes, c.Cut.Get)) { Segmented = c.Segmented };
            for (var i = 0; i < bodies.Length; i++)
            {
                var (header, body) = await reader.ReadAsync(CancellationToken.None);
                Assert.Equal(new FrameHeader(5, false, FrameFlags.None, (short)i, Opcode.Query, bodies[i].Length), header);
                Assert.Equal(bodies[i], body);
            }
            await Assert.ThrowsAsync<EndOfStreamException>(() => reader.ReadAsync(CancellationToken.None).AsTask());
        })).Check(Config.QuickThrowOnFailure);

    [Fact]
    public async Task Frames_SeveralInOneSegment_AreAllRead()
    {
        var frames = Enumerable.Range(0, 20).SelectMany(i => Frames.Encode(5, (short)i, new Request(Opcode.Result, Payload(i)), segmented: false)).ToArray();
        var reader = new FrameReader(new MemoryStream(Segments.Wrap(frames))) { Segmented = true };
        for (var i = 0; i < 20; i++) Assert.Equal(Payload(i), (await reader.ReadAsync(CancellationToken.None)).Body);
    }

    [Fact]
    public void Segment_AnyBitFlipped_IsDetected() => Prop.ForAll(
        ArbMap.Default.ArbFor<(NonEmptyArray<byte> Body, NonNegativeInt Bit)>(),
        c => Task.Run(async () =>
        {
            var bytes = Frames.Encode(5, 1, new Request(Opcode.Query, c.Body.Get), segmented: true);
            var bit = c.Bit.Get * 7919 % (bytes.Length * 8);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            var reader = new FrameReader(new MemoryStream(bytes)) { Segmented = true };
            await Assert.ThrowsAsync<DriverInternalError>(() => reader.ReadAsync(CancellationToken.None).AsTask());
        })).Check(Config.QuickThrowOnFailure);

    private static byte[] Payload(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)((i * 31) + 7))];

    private static uint PlainCrc32(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var b in data)
        {
            crc ^= b;
            for (var k = 0; k < 8; k++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }

    /// <summary>Gives at most so many bytes at a time.</summary>
    private sealed class CutStream(byte[] bytes, int atMost) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, atMost)], cancellationToken);
    }
}
