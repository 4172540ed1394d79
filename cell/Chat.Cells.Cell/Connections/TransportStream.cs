using System.Buffers;
using System.IO.Pipelines;

namespace Chat.Cells.Cell.Connections;

/// <summary>
/// A connection's pipes as a stream. A read of zero bytes waits until something is there and holds no buffer meanwhile. What is written is sent by the next flush. Disposing it
/// leaves the connection as it is.
/// </summary>
internal sealed class TransportStream(IDuplexPipe transport) : Stream
{
    private readonly PipeReader input = transport.Input;
    private readonly PipeWriter output = transport.Output;

    public override bool CanRead => true;
    public override bool CanWrite => true;
    public override bool CanSeek => false;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var reading = input.ReadAsync(cancellationToken);
        if (!reading.IsCompletedSuccessfully) return WaitAsync(reading, buffer, cancellationToken);
        var result = reading.Result;
        return TryTake(result, buffer.Span, out var count) ? new ValueTask<int>(count) : WaitAsync(input.ReadAsync(cancellationToken), buffer, cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        output.Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <exception cref="IOException">The connection is gone.</exception>
    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        if ((await output.FlushAsync(cancellationToken)).IsCompleted) throw new IOException("The connection is gone.");
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    private async ValueTask<int> WaitAsync(ValueTask<ReadResult> reading, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (TryTake(await reading, buffer.Span, out var count)) return count;
            reading = input.ReadAsync(cancellationToken);
        }
    }

    /// <summary>False when there is nothing and yet more may come: somebody broke the read off, as Kestrel does with what it takes for a request when it stops.</summary>
    private bool TryTake(ReadResult result, Span<byte> buffer, out int count)
    {
        count = (int)Math.Min(buffer.Length, result.Buffer.Length);
        var taken = result.Buffer.Slice(0, count);
        taken.CopyTo(buffer);
        input.AdvanceTo(taken.End);
        return !result.Buffer.IsEmpty || result.IsCompleted;
    }
}
