using Chat.Cells.Cell.Http;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Unread;

/// <summary><c>GET /v1/unread</c>.</summary>
public static class UnreadEndpoints
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    public static void MapUnread(this IEndpointRouteBuilder app) => app.MapGroup("/v1/unread").RequireUser()
        .MapGet("", GetAsync).WithName("GetUnread").WithSummary("How many messages of others the caller has not read, by channel").Produces<UnreadDocument>().ProducesProblems(401, 421, 503);

    private static async Task<IResult> GetAsync(UnreadReader reader, Caller caller, CancellationToken cancellationToken)
    {
        try
        {
            var counts = await reader.ReadAsync(caller.UserId, cancellationToken);
            var channels = new List<ChannelUnreadDocument>(counts.Channels.Count);
            var total = 0;
            var capped = false;
            foreach (var (channelId, count, readUpTo) in counts.Channels.OrderBy(c => c.ChannelId, StringComparer.Ordinal))
            {
                var full = count >= UnreadLimits.Cap;
                total += count;
                capped |= full;
                channels.Add(new ChannelUnreadDocument(channelId, count, full ? true : null, readUpTo?.ToString()));
            }
            return TypedResults.Ok(new UnreadDocument(channels, total, capped ? true : null));
        }
        catch (StoreException)
        {
            return Problems.Result(StatusCodes.Status503ServiceUnavailable, ErrorCodes.Retry, "What is unread isn't known now.", retryAfter: RetryAfter);
        }
    }
}
