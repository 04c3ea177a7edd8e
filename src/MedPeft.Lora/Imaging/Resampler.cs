using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace MedPeft.Lora.Imaging;

/// <summary>Resizes as Pillow does, byte for byte: first the columns into bytes, then the rows; a direction whose size stays is skipped.</summary>
/// <remarks>
/// Only the part of the result that is asked for is computed, so resizing and cropping to the centre cost no more than the crop.
/// Thread-safe; scratch memory comes from a pool.
/// </remarks>
internal static class Resampler
{
    private const int Half = 1 << (ResampleKernel.Precision - 1);

    /// <summary>Cuts a box out of an image, resizes it and keeps a window of the result.</summary>
    /// <param name="image">The source.</param>
    /// <param name="box">The part that is resized; pixels outside it have no influence.</param>
    /// <param name="width">The width to which the box is resized.</param>
    /// <param name="height">The height to which the box is resized.</param>
    /// <param name="window">The part of the resized box that is returned.</param>
    /// <param name="interpolation">How to interpolate.</param>
    public static PixelImage Resize(PixelImage image, PixelBox box, int width, int height, PixelBox window, Interpolation interpolation)
    {
        // Between the two passes lie at most the box's rows.
        var size = (long)window.Width * Math.Max(window.Height, box.Height) * image.Channels;
        if (size > Array.MaxLength)
            throw new ArgumentException($"Resizing {box.Width}x{box.Height} pixels to {width}x{height} takes {size} bytes, more than an array can hold. Crop the image first.");
        size = (long)window.Width * window.Height * image.Channels;
        var result = GC.AllocateUninitializedArray<byte>((int)size);
        var (across, down) = (box.Width != width, box.Height != height);
        var source = image.Pixels.AsSpan();
        var stride = image.Width * image.Channels;
        if (!down)
        {
            source = source[((box.Y + window.Y) * stride)..];
            if (across) Columns(source, stride, box.X, box.Width, window.Height, width, window, image.Channels, interpolation, result);
            else Copy(source, stride, (box.X + window.X) * image.Channels, result, window.Width * image.Channels);
            return new PixelImage(window.Width, window.Height, image.Channels, result);
        }

        var kernel = ResampleKernel.For(interpolation, box.Height, height, window.Y, window.Height);
        var top = kernel.First[0];
        var bottom = kernel.First[^1] + kernel.Used[^1];
        source = source[((box.Y + top) * stride)..];
        if (!across)
        {
            Rows(source[((box.X + window.X) * image.Channels)..], stride, top, kernel, result, window.Width * image.Channels);
        }
        else
        {
            var rowBytes = window.Width * image.Channels;
            var between = ArrayPool<byte>.Shared.Rent((bottom - top) * rowBytes);
            try
            {
                Columns(source, stride, box.X, box.Width, bottom - top, width, window, image.Channels, interpolation, between);
                Rows(between, rowBytes, top, kernel, result, rowBytes);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(between);
            }
        }

        return new PixelImage(window.Width, window.Height, image.Channels, result);
    }

    /// <summary>Cuts a box out of an image.</summary>
    public static PixelImage Crop(PixelImage image, PixelBox box)
    {
        if (box == PixelBox.Whole(image)) return image;
        return Resize(image, box, box.Width, box.Height, new PixelBox(0, 0, box.Width, box.Height), Interpolation.Bicubic);
    }

    private static void Copy(ReadOnlySpan<byte> source, int stride, int offset, Span<byte> result, int rowBytes)
    {
        for (var y = 0; y * rowBytes < result.Length; y++) source.Slice(y * stride + offset, rowBytes).CopyTo(result[(y * rowBytes)..]);
    }

    private static void Columns(
        ReadOnlySpan<byte> source,
        int stride,
        int left,
        int input,
        int rows,
        int output,
        PixelBox window,
        int channels,
        Interpolation interpolation,
        Span<byte> result)
    {
        var kernel = ResampleKernel.For(interpolation, input, output, window.X, window.Width);
        if (Avx2.IsSupported)
        {
            ColumnsByAvx2(source, stride, left, rows, kernel, channels, result);
            return;
        }

        ColumnsByVectors(source, stride, left, rows, kernel, channels, result);
    }

    /// <summary>For x86 processors since 2013: see <see cref="Avx2Columns"/>.</summary>
    internal static void ColumnsByAvx2(ReadOnlySpan<byte> source, int stride, int left, int rows, ResampleKernel kernel, int channels, Span<byte> result)
    {
        var first = kernel.First[0];
        var used = kernel.First[^1] + kernel.Used[^1] - first;
        var plane = used + Avx2Columns.Steps(kernel.Most) * Avx2Columns.Step;
        var width = kernel.First.Length;
        var scratch = ArrayPool<byte>.Shared.Rent(plane * channels);
        try
        {
            for (var y = 0; y < rows; y++)
            {
                var row = source[(y * stride + (left + first) * channels)..];
                // A step may read past the last pixel used, where only the last rows of a gray image end, and colours lie apart.
                if (channels == 1 && row.Length >= plane)
                {
                    Avx2Columns.Row(ref MemoryMarshal.GetReference(row), first, kernel, ref MemoryMarshal.GetReference(result[(y * width)..]), 1);
                    continue;
                }

                Separate(row[..(used * channels)], scratch, plane, channels);
                for (var c = 0; c < channels; c++)
                    Avx2Columns.Row(ref scratch[c * plane], first, kernel, ref MemoryMarshal.GetReference(result[(y * width * channels + c)..]), channels);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    /// <summary>For any processor.</summary>
    internal static void ColumnsByVectors(ReadOnlySpan<byte> source, int stride, int left, int rows, ResampleKernel kernel, int channels, Span<byte> result)
    {
        var first = kernel.First[0];
        var width = kernel.First.Length;
        var used = kernel.First[^1] + kernel.Used[^1] - first;
        // One plane of ints a channel, with room behind it for the zero weights of the last vector.
        var plane = used + kernel.Stride;
        var scratch = ArrayPool<int>.Shared.Rent(plane * channels);
        try
        {
            scratch.AsSpan(0, plane * channels).Clear();
            for (var y = 0; y < rows; y++)
            {
                Widen(source.Slice(y * stride + (left + first) * channels, used * channels), scratch, plane, channels);
                for (var c = 0; c < channels; c++)
                    Row(scratch.AsSpan(c * plane, plane), first, kernel, ref MemoryMarshal.GetReference(result[(y * width * channels + c)..]), channels);
            }
        }
        finally
        {
            ArrayPool<int>.Shared.Return(scratch);
        }
    }

    private static void Separate(ReadOnlySpan<byte> row, Span<byte> scratch, int plane, int channels)
    {
        if (channels == 1)
        {
            row.CopyTo(scratch);
            return;
        }

        var red = scratch[..plane];
        var green = scratch.Slice(plane, plane);
        var blue = scratch.Slice(2 * plane, plane);
        for (int i = 0, x = 0; i < row.Length; i += 3, x++) (red[x], green[x], blue[x]) = (row[i], row[i + 1], row[i + 2]);
    }

    private static void Widen(ReadOnlySpan<byte> row, Span<int> scratch, int plane, int channels)
    {
        if (channels == 1)
        {
            var i = 0;
            for (; i <= row.Length - Vector<byte>.Count; i += Vector<byte>.Count)
            {
                Vector.Widen(new Vector<byte>(row[i..]), out var low, out var high);
                Vector.Widen(low, out var v0, out var v1);
                Vector.Widen(high, out var v2, out var v3);
                Vector.AsVectorInt32(v0).CopyTo(scratch[i..]);
                Vector.AsVectorInt32(v1).CopyTo(scratch[(i + Vector<int>.Count)..]);
                Vector.AsVectorInt32(v2).CopyTo(scratch[(i + 2 * Vector<int>.Count)..]);
                Vector.AsVectorInt32(v3).CopyTo(scratch[(i + 3 * Vector<int>.Count)..]);
            }

            for (; i < row.Length; i++) scratch[i] = row[i];
            return;
        }

        var red = scratch[..plane];
        var green = scratch.Slice(plane, plane);
        var blue = scratch.Slice(2 * plane, plane);
        for (int i = 0, x = 0; i < row.Length; i += 3, x++) (red[x], green[x], blue[x]) = (row[i], row[i + 1], row[i + 2]);
    }

    private static void Row(ReadOnlySpan<int> plane, int first, ResampleKernel kernel, ref byte result, int step)
    {
        // The bounds hold by construction: First + Stride never passes the plane, whose tail is as long as one Stride.
        ref var pixels = ref MemoryMarshal.GetReference(plane);
        ref var weights = ref MemoryMarshal.GetArrayDataReference(kernel.Weights);
        var stride = kernel.Stride;
        var firsts = kernel.First;
        for (var x = 0; x < firsts.Length; x++)
        {
            ref var from = ref Unsafe.Add(ref pixels, firsts[x] - first);
            var sum = Vector<int>.Zero;
            for (var t = 0; t < stride; t += Vector<int>.Count)
                sum += Vector.LoadUnsafe(ref from, (nuint)t) * Vector.LoadUnsafe(ref weights, (nuint)t);
            Unsafe.Add(ref result, x * step) = (byte)Math.Clamp((Half + Vector.Sum(sum)) >> ResampleKernel.Precision, 0, 255);
            weights = ref Unsafe.Add(ref weights, stride);
        }
    }

    private static void Rows(ReadOnlySpan<byte> source, int stride, int top, ResampleKernel kernel, Span<byte> result, int rowBytes)
    {
        for (var y = 0; y < kernel.First.Length; y++)
        {
            var weights = kernel.Weights.AsSpan(y * kernel.Stride, kernel.Used[y]);
            var rows = source[((kernel.First[y] - top) * stride)..];
            var target = result.Slice(y * rowBytes, rowBytes);
            var x = 0;
            for (; x <= rowBytes - Vector<byte>.Count; x += Vector<byte>.Count) Block(rows[x..], stride, weights).CopyTo(target[x..]);
            for (; x < rowBytes; x++)
            {
                var sum = Half;
                for (var t = 0; t < weights.Length; t++) sum += rows[t * stride + x] * weights[t];
                target[x] = (byte)Math.Clamp(sum >> ResampleKernel.Precision, 0, 255);
            }
        }
    }

    private static Vector<byte> Block(ReadOnlySpan<byte> rows, int stride, ReadOnlySpan<int> weights)
    {
        Vector<int> s0 = new(Half), s1 = s0, s2 = s0, s3 = s0;
        for (var t = 0; t < weights.Length; t++)
        {
            Vector.Widen(new Vector<byte>(rows[(t * stride)..]), out var low, out var high);
            Vector.Widen(low, out var v0, out var v1);
            Vector.Widen(high, out var v2, out var v3);
            var weight = new Vector<int>(weights[t]);
            s0 += Vector.AsVectorInt32(v0) * weight;
            s1 += Vector.AsVectorInt32(v1) * weight;
            s2 += Vector.AsVectorInt32(v2) * weight;
            s3 += Vector.AsVectorInt32(v3) * weight;
        }

        return Vector.Narrow(Vector.Narrow(ToByte(s0), ToByte(s1)), Vector.Narrow(ToByte(s2), ToByte(s3)));
    }

    private static Vector<uint> ToByte(Vector<int> sum)
        => Vector.AsVectorUInt32(Vector.Min(Vector.Max(Vector.ShiftRightArithmetic(sum, ResampleKernel.Precision), Vector<int>.Zero), new Vector<int>(255)));
}
