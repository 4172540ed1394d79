
namespace Chat.Cells.Router.Guarding;

/// <summary>
/// Which browser pages may use the API: those of the router's own origin and those of the allow-list. Browsers send Origin with every WebSocket and every cross-origin
/// request; what has no Origin is no browser page of somebody else's.
/// </summary>
internal sealed class OriginPolicy(IReadOnlySet<string> allowed)
{
    private const string Methods = "GET, POST, PUT, PATCH, DELETE";
    private const string RequestHeaders = "authorization, content-type";

    /// <summary>Whether the request may go on; for an allow-listed page the answer is made readable to it.</summary>
    public bool Admit(HttpContext context)
    {
        var origins = context.Request.Headers.Origin;
        if (origins.Count == 0) return true;
        if (origins.Count > 1 || origins[0] is not { } origin) return false;
        if (IsOwn(context.Request, origin)) return true;
        if (!allowed.Contains(origin)) return false;
        var headers = context.Response.Headers;
        headers.AccessControlAllowOrigin = origin;
        headers.AccessControlExposeHeaders = "retry-after";
        headers.Append("Vary", "Origin");
        return true;
    }

    /// <summary>Whether this is a browser's question before a cross-origin request; then it is answered.</summary>
    public static bool AnswerPreflight(HttpContext context)
    {
        if (!HttpMethods.IsOptions(context.Request.Method) || context.Request.Headers.AccessControlRequestMethod.Count == 0) return false;
        var headers = context.Response.Headers;
        headers.AccessControlAllowMethods = Methods;
        headers.AccessControlAllowHeaders = RequestHeaders;
        headers.AccessControlMaxAge = "600";
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return true;
    }

    private static bool IsOwn(HttpRequest request, string origin)
    {
        var scheme = request.Scheme;
        var host = request.Host.Value ?? "";
        return origin.Length == scheme.Length + 3 + host.Length && host.Length > 0
            && origin.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)
            && origin.AsSpan(scheme.Length, 3).SequenceEqual("://")
            && origin.EndsWith(host, StringComparison.OrdinalIgnoreCase);
    }
}
