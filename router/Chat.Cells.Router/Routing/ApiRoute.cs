
namespace Chat.Cells.Router.Routing;

/// <summary>Who decides where a request goes.</summary>
internal enum RouteKind
{
    NotFound,

    /// <summary>The router itself answers with the table of cells.</summary>
    CellTable,

    /// <summary>Any cell that is up.</summary>
    AnyCell,

    /// <summary>A new user: a cell of the region, by weight.</summary>
    SignUp,

    /// <summary>The home of the user named in the path.</summary>
    User,

    /// <summary>The cell of the shard of the handle named in the path.</summary>
    Handle,

    /// <summary>The home of the caller.</summary>
    Caller,

    /// <summary>The home of the caller, who may show a ticket instead of a token.</summary>
    Socket,
}

/// <summary>What a method and path under <c>/v1/</c> ask for. A pure function of the two that allocates nothing.</summary>
/// <param name="Kind">Who decides.</param>
/// <param name="NeedsToken">Whether the caller must show an access token.</param>
/// <param name="SubjectStart">Where in the path the region, user id or handle starts.</param>
/// <param name="SubjectLength">Its length.</param>
internal readonly record struct ApiRoute(RouteKind Kind, bool NeedsToken, int SubjectStart, int SubjectLength)
{
    public const string Prefix = "/v1/";

    private static readonly ApiRoute NotFound = new(RouteKind.NotFound, NeedsToken: false, 0, 0);

    /// <summary>Whether the path belongs to the API. Paths are case-sensitive.</summary>
    public static bool IsApi(ReadOnlySpan<char> path) => path.StartsWith(Prefix, StringComparison.Ordinal) || path.SequenceEqual("/v1");

    /// <summary>The region, user id or handle.</summary>
    public ReadOnlySpan<char> Subject(ReadOnlySpan<char> path) => path.Slice(SubjectStart, SubjectLength);

    public static ApiRoute Match(string method, ReadOnlySpan<char> path)
    {
        if (!path.StartsWith(Prefix, StringComparison.Ordinal) || path.Length == Prefix.Length) return NotFound;
        var rest = path[Prefix.Length..];
        var first = Segment(rest, out var afterFirst);
        return first switch
        {
            "cells" when afterFirst.IsEmpty => HttpMethods.IsGet(method) || HttpMethods.IsHead(method) ? new ApiRoute(RouteKind.CellTable, false, 0, 0) : NotFound,
            "openapi.json" when afterFirst.IsEmpty => new ApiRoute(RouteKind.AnyCell, false, 0, 0),
            "ws" when afterFirst.IsEmpty => new ApiRoute(RouteKind.Socket, true, 0, 0),
            "regions" => MatchSignUp(method, path, afterFirst),
            "users" => MatchSubject(RouteKind.User, method, path, afterFirst),
            "handles" => MatchSubject(RouteKind.Handle, method, path, afterFirst),
            _ => new ApiRoute(RouteKind.Caller, true, 0, 0),
        };
    }

    // /v1/regions/{region}/accounts
    private static ApiRoute MatchSignUp(string method, ReadOnlySpan<char> path, ReadOnlySpan<char> rest)
    {
        var region = Segment(rest, out var action);
        return region.IsEmpty || action is not "accounts" || !HttpMethods.IsPost(method)
            ? NotFound
            : new ApiRoute(RouteKind.SignUp, NeedsToken: false, path.Length - rest.Length, region.Length);
    }

    // /v1/users/{id}[/...], /v1/handles/{handle}[/...]: logging in and renewing tokens need no token, everything else does.
    private static ApiRoute MatchSubject(RouteKind kind, string method, ReadOnlySpan<char> path, ReadOnlySpan<char> rest)
    {
        var subject = Segment(rest, out var action);
        if (subject.IsEmpty) return NotFound;
        var anonymous = HttpMethods.IsPost(method) && (action is "sessions" || (action is "tokens" && kind == RouteKind.User));
        return new ApiRoute(kind, !anonymous, path.Length - rest.Length, subject.Length);
    }

    private static ReadOnlySpan<char> Segment(ReadOnlySpan<char> text, out ReadOnlySpan<char> rest)
    {
        var slash = text.IndexOf('/');
        rest = slash < 0 ? default : text[(slash + 1)..];
        return slash < 0 ? text : text[..slash];
    }
}
