using Cassandra.Protocol;

namespace Cassandra.Connections;

/// <summary>Cuts a byte stream into frames: directly in v4 and during the handshake, out of segments in v5.</summary>
internal sealed class FrameReader(Stream stream)
{
    private readonly byte[] _header = new byte[FrameHeader.Length];
    private readonly byte[] _segmentHeader = new byte[Segments.HeaderLength];
    private readonly byte[] _trailer = new byte[Segments.TrailerLength];
    private byte[] _payload = [];
    private int _payloadPosition;

    /// <summary>From the next frame on, frames come in segments.</summary>
    public bool Segmented { get; set; }

    /// <summary>The next frame; its body is an array of its own.</summary>
    /// <exception cref="EndOfStreamException">The server closed the connection.</exception>
    public async ValueTask<(FrameHeader Header, byte[] Body)> ReadAsync(CancellationToken cancellationToken)
    {
        await FillAsync(_header, cancellationToken);
        var header = FrameHeader.Read(_header);
        var body = header.BodyLength == 0 ? [] : GC.AllocateUninitializedArray<byte>(header.BodyLength);
        await FillAsync(body, cancellationToken);
        return (header, body);
    }

    private async ValueTask FillAsync(Memory<byte> target, CancellationToken cancellationToken)
    {
        if (!Segmented)
        {
            await stream.ReadExactlyAsync(target, cancellationToken);
            return;
        }
        while (!target.IsEmpty)
        {
            if (_payloadPosition == _payload.Length) await ReadSegmentAsync(cancellationToken);
            var part = _payload.AsMemory(_payloadPosition, Math.Min(target.Length, _payload.Length - _payloadPosition));
            part.CopyTo(target);
            _payloadPosition += part.Length;
            target = target[part.Length..];
        }
    }

    private async ValueTask ReadSegmentAsync(CancellationToken cancellationToken)
    {
        await stream.ReadExactlyAsync(_segmentHeader, cancellationToken);
        _payload = new byte[Segments.ReadHeader(_segmentHeader)];
        _payloadPosition = 0;
        await stream.ReadExactlyAsync(_payload, cancellationToken);
        await stream.ReadExactlyAsync(_trailer, cancellationToken);
        Segments.CheckPayload(_payload, _trailer);
    }
}
