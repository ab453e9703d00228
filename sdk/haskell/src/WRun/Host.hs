{-# LANGUAGE ForeignFunctionInterface #-}
-- | What a task asks of the host, by way of the SDK for C.
module WRun.Host (withText, Bytes, Handle, addInput, need, progress, failWith) where

import qualified Data.ByteString as B
import qualified Data.Text as T
import qualified Data.Text.Encoding as T
import Foreign
import Foreign.C
import WRun.Json
import WRun.Params (Call (..))
import WRun.Requires

-- | Text that ends in NUL.
type Bytes = Ptr CChar

-- | A plan or a call of the SDK for C.
type Handle = Ptr ()

foreign import ccall unsafe "wrun_require" cRequire :: Handle -> Bytes -> Bytes -> IO Handle
foreign import ccall unsafe "wrun_need" cNeed :: Bytes -> Bytes -> IO Handle
foreign import ccall unsafe "wrun_input" cInput :: Handle -> IO Bytes
foreign import ccall unsafe "wrun_with_json" cWith :: Handle -> Bytes -> Bytes -> IO Handle
foreign import ccall unsafe "wrun_of" cOf :: Handle -> Bytes -> IO Handle
foreign import ccall unsafe "wrun_part" cPart :: Handle -> Bytes -> IO Handle
foreign import ccall unsafe "wrun_external" cExternal :: Handle -> Bytes -> Bytes -> IO ()
foreign import ccall unsafe "wrun_external_or_wait" cAwaited :: Handle -> Bytes -> Bytes -> IO ()
foreign import ccall unsafe "wrun_listing" cListing :: Handle -> Bytes -> Bytes -> IO ()
foreign import ccall unsafe "wrun_not_before" cClock :: Handle -> Bytes -> Bytes -> IO ()
foreign import ccall safe "wrun_await" cAwait :: IO CInt
foreign import ccall unsafe "wrun_hs_progress" cProgress :: CDouble -> Bytes -> IO ()
foreign import ccall unsafe "wrun_hs_fail" cFail :: Bytes -> IO CInt

-- | Hands a text over.
withText :: String -> (Bytes -> IO a) -> IO a
withText shown = B.useAsCString (T.encodeUtf8 (T.pack shown))

texts :: String -> String -> (Bytes -> Bytes -> IO a) -> IO a
texts one two act = withText one $ \a -> withText two (act a)

-- | Adds what a call requires to its plan.
addInput :: Handle -> Required -> IO ()
addInput plan (Required name source) = case source of
  FromTask called path -> do
    made <- withText (T.unpack (callTask called)) $ \t -> maybe ($ nullPtr) withText name $ \n -> cRequire plan n t
    fill made called path
  FromFiles uri True _ -> files cListing uri
  FromFiles uri _ True -> files cAwaited uri
  FromFiles uri _ _ -> files cExternal uri
  FromClock instant -> files cClock instant
  where files add uri = texts (maybe "" id name) uri (add plan)

fill :: Handle -> Call -> Maybe String -> IO ()
fill made called path = do
  case callParams called of
    Object given -> mapM_ (\(key, value) -> texts (T.unpack key) (render value) (cWith made)) given
    _ -> pure ()
  mapM_ (\alias -> withText (T.unpack alias) (cOf made)) (callPlugin called)
  mapM_ (\inner -> withText inner (cPart made)) path

-- | Suspends the task until all of it is there.
need :: Requires a -> IO a
need wanted = do
  names <- mapM queue (sources wanted)
  code <- cAwait
  if code /= 0 then ioError (userError "a need is not well formed") else pure (inputs wanted names)
  where
    queue (Required name (FromTask called path)) = do
      made <- withText (T.unpack (callTask called)) $ \t -> maybe ($ nullPtr) withText name $ \n -> cNeed n t
      fill made called path
      found <- cInput made >>= B.packCString
      pure (T.unpack (T.decodeUtf8 found))
    queue _ = ioError (userError "`need` asks for tasks alone: files have to be required")

-- | Says how far the task is, from 0 to 1, and in its own words.
progress :: Maybe Double -> String -> IO ()
progress fraction message = withText message (cProgress (maybe (-1) realToFrac fraction))

-- | Says why the call fails.
failWith :: String -> IO Int32
failWith message = fromIntegral <$> withText (filter (/= '\0') message) cFail
