using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using Chat.Cells.Http;
using Chat.Cells.Protocol;

namespace Chat.Cells.Bridge;

/// <summary>
/// Copies a source cell's records into the target cell: asks the target where it stands, reads the source from there, appends in batches. It keeps nothing: after any
/// failure it asks again. Natural batches: whatever has arrived while the last batch was on its way goes with the next.
/// </summary>
public sealed partial class BridgePump : IAsyncDisposable
{
    /// <summary>The most records of one append.</summary>
    public const int MaxBatchRecords = 500;

    /// <summary>The size at which a batch is sent, in bytes.</summary>
    public const int MaxBatchBytes = 1024 * 1024;

    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan RefusedBackOff = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TokenCheck = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan SilenceTimeout = BridgeFrame.KeepAliveInterval * 3;

    private readonly BridgeOptions options;
    private readonly HttpClient http;
    private readonly TimeProvider time;
    private readonly ILogger<BridgePump> logger;
    private readonly TokenFile sourceToken;
    private readonly TokenFile targetToken;
    private readonly BridgeMeter meter;
    private long lastHeard;
    private long oldestPending;
    private volatile bool connected;

    /// <param name="handler">Makes the requests; null for the ordinary one. Disposed with the pump.</param>
    public BridgePump(BridgeOptions options, TimeProvider time, ILogger<BridgePump> logger, HttpMessageHandler? handler = null)
    {
        this.options = options;
        this.time = time;
        this.logger = logger;
        http = new HttpClient(handler ?? new ConnectionErrorHandler(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(5), UseCookies = false, AllowAutoRedirect = false }))
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        sourceToken = new TokenFile(Path.Combine(options.SecretsDirectory, "source-token"));
        targetToken = new TokenFile(Path.Combine(options.SecretsDirectory, "target-token"));
        lastHeard = Now;
        meter = new BridgeMeter(() => Lag.TotalSeconds, () => connected);
    }

    /// <summary>True while the source is being read and both cells have answered: then the lag is known.</summary>
    public bool IsReady => connected;

    /// <summary>How far behind it is: the age of the oldest record not yet appended, or how long nothing was heard.</summary>
    public TimeSpan Lag
    {
        get
        {
            var pending = Interlocked.Read(ref oldestPending);
            var since = pending != 0 ? pending : connected ? Now : Interlocked.Read(ref lastHeard);
            return TimeSpan.FromMilliseconds(Math.Max(0, Now - since));
        }
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Copies until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var backOff = FirstBackOff;
        while (!cancellationToken.IsCancellationRequested)
        {
            var pause = backOff;
            var tokens = TokensChangedAt();
            try
            {
                await CopyAsync(() => backOff = FirstBackOff, cancellationToken);
                pause = backOff;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                break;
            }
            catch (RefusedException e)
            {
                LogRefused(logger, e.Message);
                pause = RefusedBackOff;
            }
            catch (Exception e) when (e is HttpRequestException or IOException or InvalidDataException or OperationCanceledException or System.Text.Json.JsonException or UnauthorizedAccessException)
            {
                LogDisconnected(logger, options.Source, options.Target, e.Message);
                pause = backOff;
                backOff = TimeSpan.FromTicks(Math.Min(backOff.Ticks * 2, LongestBackOff.Ticks));
            }
            catch (Exception e)
            {
                // A fault that nobody thought of must not end the bridge while its process lives on.
                LogFailed(logger, e, options.Source, options.Target);
                pause = LongestBackOff;
            }
            finally
            {
                connected = false;
                Interlocked.Exchange(ref oldestPending, 0);
            }
            meter.Reconnects.Add(1);
            if (!await PauseAsync(pause * (0.5 + Random.Shared.NextDouble()), tokens, cancellationToken)) break;
        }
        LogStopped(logger);
    }

    /// <summary>Waits, but no longer than until a token changes; false when cancelled.</summary>
    private async Task<bool> PauseAsync(TimeSpan pause, (DateTime, DateTime) tokens, CancellationToken cancellationToken)
    {
        try
        {
            var started = time.GetTimestamp();
            for (var left = pause; left > TimeSpan.Zero && TokensChangedAt() == tokens; left = pause - time.GetElapsedTime(started))
            {
                // A delay counts whole milliseconds: of a part of one it would make none, and this loop would spin.
                await Task.Delay(left < TokenCheck ? TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)) : TokenCheck, time, cancellationToken);
            }
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private (DateTime Source, DateTime Target) TokensChangedAt() => (sourceToken.ChangedAt, targetToken.ChangedAt);

    public ValueTask DisposeAsync()
    {
        http.Dispose();
        meter.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task CopyAsync(Action onProgress, CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        var position = (await WithinAsync("The target did not say where it stands", GetPositionAsync, cancellationToken)).Next;
        var positioned = time.GetTimestamp();
        using var response = await WithinAsync("The source did not open its stream", token => OpenStreamAsync(position, token), cancellationToken);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var reader = PipeReader.Create(stream);
        var batch = new ArrayBufferWriter<byte>(64 * 1024);
        var opened = time.GetTimestamp();
        while (true)
        {
            var read = await ReadAsync(reader, cancellationToken);
            var buffer = read.Buffer;
            var more = true;
            while (more)
            {
                more = Fill(ref buffer, batch, out var count, out var oldest);
                if (!connected)
                {
                    connected = true;
                    LogConnected(
                        logger,
                        options.Source,
                        options.Target,
                        string.Join(',', position),
                        (long)time.GetElapsedTime(asked, positioned).TotalMilliseconds,
                        (long)time.GetElapsedTime(positioned).TotalMilliseconds);
                }
                if (count == 0) continue;
                Interlocked.Exchange(ref oldestPending, oldest);
                await WithinAsync("The target did not append", token => AppendAsync(batch, token), cancellationToken);
                batch.ResetWrittenCount();
                Interlocked.Exchange(ref oldestPending, 0);
                onProgress();
            }
            reader.AdvanceTo(buffer.Start, buffer.End);
            if (time.GetElapsedTime(opened) > BridgeFrame.KeepAliveInterval) onProgress();
            if (!read.IsCompleted) continue;
            if (!buffer.IsEmpty) throw new InvalidDataException("The source's stream ends within a record.");
            throw new IOException("The source closed the stream.");
        }
    }

    /// <summary>Takes frames into the batch; true when it is full and there may be more.</summary>
    private static bool Fill(ref ReadOnlySequence<byte> buffer, ArrayBufferWriter<byte> batch, out int count, out long oldest)
    {
        count = 0;
        oldest = long.MaxValue;
        while (BridgeFrame.TryRead(ref buffer, out var frame))
        {
            if (frame.Partition < 0) continue;
            BridgeFrame.Write(batch, frame);
            oldest = Math.Min(oldest, frame.AppendTime);
            if (++count >= MaxBatchRecords || batch.WrittenCount >= MaxBatchBytes) return true;
        }
        return false;
    }

    private async Task<ReadResult> ReadAsync(PipeReader reader, CancellationToken cancellationToken)
    {
        using var silence = new CancellationTokenSource(SilenceTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, silence.Token);
        try
        {
            var read = await reader.ReadAsync(either.Token);
            Interlocked.Exchange(ref lastHeard, Now);
            return read;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"The source was silent for {SilenceTimeout.TotalSeconds:0} s.", e);
        }
    }

    private async Task<PositionBody> GetPositionAsync(CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, options.TargetUrl, $"internal/v1/bridges/{options.Source}/position", targetToken);
        using var response = await http.SendAsync(request, cancellationToken);
        await CheckAsync(response, "target", "target-token", cancellationToken);
        return await response.Content.ReadFromJsonAsync<PositionBody>(cancellationToken) is { Next.Length: > 0 } body ? body : throw new InvalidDataException("The target gave no position.");
    }

    private async Task<HttpResponseMessage> OpenStreamAsync(long[] from, CancellationToken cancellationToken)
    {
        var response = await GetStreamAsync(from, cancellationToken);
        if (response.StatusCode == HttpStatusCode.Gone)
        {
            using (response)
            {
                var body = await response.Content.ReadFromJsonAsync<GoneBody>(cancellationToken);
                if (body?.Oldest is not { } oldest || oldest.Length != from.Length) throw new InvalidDataException("The source does not say what it still has.");
                meter.Gaps.Add(1);
                LogGap(logger, options.Source, string.Join(',', from), string.Join(',', oldest));
                for (var i = 0; i < from.Length; i++) from[i] = Math.Max(from[i], oldest[i]);
            }
            response = await GetStreamAsync(from, cancellationToken);
        }
        try
        {
            if (response.StatusCode == HttpStatusCode.Conflict)
            {
                throw new RefusedException("The source has fewer records than the target has taken from it: its log was lost or put back. Nothing is copied until an operator decides.");
            }
            if (response.StatusCode == HttpStatusCode.BadRequest)
            {
                var body = await response.Content.ReadFromJsonAsync<GoneBody>(cancellationToken);
                if (body?.Oldest is { } there && there.Length != from.Length)
                {
                    throw new RefusedException(
                        $"The source has {there.Length} bridge partitions, and the target {from.Length}: both cells of a bridge need the same (their option --topics). Nothing is copied until then.");
                }
            }
            await CheckAsync(response, "source", "source-token", cancellationToken);
            return response;
        }
        catch (Exception)
        {
            response.Dispose();
            throw;
        }
    }

    private async Task<HttpResponseMessage> GetStreamAsync(long[] from, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, options.SourceUrl, $"internal/v1/bridges/{options.Target}/records?from={string.Join(',', from)}", sourceToken);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    private async Task<AppendBody> AppendAsync(ArrayBufferWriter<byte> batch, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Post, options.TargetUrl, $"internal/v1/bridges/{options.Source}/records", targetToken);
        request.Content = new ReadOnlyMemoryContent(batch.WrittenMemory);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        using var response = await http.SendAsync(request, cancellationToken);
        await CheckAsync(response, "target", "target-token", cancellationToken);
        var result = await response.Content.ReadFromJsonAsync<AppendBody>(cancellationToken) ?? throw new InvalidDataException("The target did not say what it appended.");
        meter.Copied.Add(result.Appended);
        meter.Repeated.Add(result.Repeated);
        meter.Refused.Add(result.Refused);
        if (result.Refused > 0) LogRecordsRefused(logger, options.Target, result.Refused, options.Source);
        return result;
    }

    private static async Task CheckAsync(HttpResponseMessage response, string cell, string tokenFile, CancellationToken cancellationToken)
    {
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            throw new RefusedException($"The {cell} answered {(int)response.StatusCode}: the token in {tokenFile} is not valid there. Trying again when it may have been renewed.");
        }
        if (response.IsSuccessStatusCode) return;
        var detail = await AnswerDetail.ReadAsync(response, cancellationToken);
        throw new HttpRequestException($"The {cell} answered {(int)response.StatusCode}{detail}", null, response.StatusCode);
    }

    private static HttpRequestMessage Request(HttpMethod method, Uri cell, string path, TokenFile token)
    {
        var request = new HttpRequestMessage(method, new Uri(cell, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Read());
        return request;
    }

    /// <summary>A cell that has not answered by then may never do: it is asked again, and the log says which one was silent.</summary>
    private async Task<T> WithinAsync<T>(string silence, Func<CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(RequestTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            return await ask(either.Token);
        }
        catch (OperationCanceledException e) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"{silence} within {RequestTimeout.TotalSeconds:0} s.", e);
        }
    }

    private sealed record PositionBody(long[] Next);

    private sealed record GoneBody(long[] Oldest);

    private sealed record AppendBody(long[] Next, long Appended, long Repeated, long Refused);

    private sealed class RefusedException(string message) : Exception(message);

    [LoggerMessage(1, LogLevel.Information, "Copying from {Source} to {Target} from offsets {Position}: the target said them after {TargetMilliseconds} ms, and the source began {SourceMilliseconds} ms later")]
    private static partial void LogConnected(ILogger logger, string source, string target, string position, long targetMilliseconds, long sourceMilliseconds);

    [LoggerMessage(2, LogLevel.Warning, "Not copying from {Source} to {Target}: {Reason}")]
    private static partial void LogDisconnected(ILogger logger, string source, string target, string reason);

    [LoggerMessage(3, LogLevel.Error, "{Reason}")]
    private static partial void LogRefused(ILogger logger, string reason);

    [LoggerMessage(4, LogLevel.Error, "{Source} no longer retains offsets {From}; going on from {Oldest}. What lies between did not arrive")]
    private static partial void LogGap(ILogger logger, string source, string from, string oldest);

    [LoggerMessage(5, LogLevel.Warning, "{Target} refused {Count} records that {Source} may not send; they are on its chat.dead")]
    private static partial void LogRecordsRefused(ILogger logger, string target, long count, string source);

    [LoggerMessage(6, LogLevel.Information, "Stopped")]
    private static partial void LogStopped(ILogger logger);

    [LoggerMessage(7, LogLevel.Error, "The bridge from {Source} to {Target} failed in a way that it doesn't know. It begins again")]
    private static partial void LogFailed(ILogger logger, Exception error, string source, string target);
}
