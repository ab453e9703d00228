{-# LANGUAGE ForeignFunctionInterface #-}
-- | What a task asks of the host, by way of the SDK for C.
module WRun.Host (withText, Bytes, Handle, addInput, addContainer, need, progress, failWith) where

import qualified Data.ByteString as B
import Data.Maybe (isJust)
import qualified Data.Text as T
import qualified Data.Text.Encoding as T
import Foreign
import Foreign.C
import WRun.Container
import WRun.Json
import WRun.Params (Call (..))
import WRun.Requires
import WRun.World

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
foreign import ccall unsafe "wrun_hs_container" cContainer
  :: Handle -> Bytes -> Ptr Bytes -> Ptr Bytes -> Bytes -> Ptr Bytes -> Bytes -> Int32 -> Word32 -> Ptr Word64 -> Ptr Int32
  -> Ptr Bytes -> Ptr Bytes -> IO ()
foreign import ccall safe "wrun_await" cAwait :: IO CInt
foreign import ccall unsafe "wrun_hs_progress" cProgress :: CDouble -> Bytes -> IO ()
foreign import ccall unsafe "wrun_hs_fail" cFail :: Bytes -> IO CInt

-- | Hands a text over. One with NUL would end there.
withText :: String -> (Bytes -> IO a) -> IO a
withText shown act
  | '\0' `elem` shown = ioError (userError ("a text holds NUL: " ++ show shown))
  | otherwise = B.useAsCString (T.encodeUtf8 (T.pack shown)) act

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

-- | Texts in a table that ends with as many null pointers as are given.
withTexts :: Int -> [String] -> (Ptr Bytes -> IO a) -> IO a
withTexts ends = go []
  where
    go made [] act = withArray (reverse made ++ replicate ends nullPtr) act
    go made (one : more) act = withText one (\it -> go (it : made) more act)

-- | Lets a container do the work.
addContainer :: Handle -> Container -> IO ()
addContainer plan it =
  withText (imageName it) $ \i -> maybeTexts (entrypoint it) $ \e -> withTexts 1 (args it) $ \a ->
  maybeText (workdir it) $ \w -> pairs (env it) $ \v -> maybeText (user it) $ \u ->
  withArray (map (maybe 0 fromInteger) [cpuMillis it, memory it, timeout it, tmpfs it]) $ \caps ->
  withArray (map fromIntegral (accepted it) ++ [minBound]) $ \codes ->
  withTexts 1 (secrets it) $ \s -> pairs (labels it) $ \l ->
    cContainer plan i e a w v u flags (fromIntegral (gpus it)) caps codes s l
  where
    maybeText = maybe ($ nullPtr) withText
    maybeTexts = maybe ($ nullPtr) (withTexts 1)
    pairs given = withTexts 2 (concat [[name, value] | (name, value) <- given])
    flags = (if network it then 1 else 0) .|. (if effect it then 2 else 0)

-- | Suspends the task until all of it is there.
need :: Requires a -> IO a
need wanted
  | any (notTask . requiredSource) (sources wanted) =
      ioError (userError "`need` asks for tasks alone: files have to be required")
  | isJust (containerOf wanted) = ioError (userError "`need` asks for tasks: a container is said in `requires`")
  | otherwise = current >>= \here -> case here of
      Just world -> inputs wanted <$> answer world (sources wanted)
      Nothing -> do
        names <- mapM queue (sources wanted)
        code <- cAwait
        if code /= 0 then ioError (userError "a need is not well formed") else pure (inputs wanted names)
  where
    notTask FromTask {} = False
    notTask _ = True
    queue (Required name (FromTask called path)) = do
      made <- withText (T.unpack (callTask called)) $ \t -> maybe ($ nullPtr) withText name $ \n -> cNeed n t
      fill made called path
      found <- cInput made >>= B.packCString
      pure (T.unpack (T.decodeUtf8 found))
    queue _ = pure ""

-- | Says how far the task is, from 0 to 1, and in its own words.
progress :: Maybe Double -> String -> IO ()
progress fraction shown = current >>= \here -> case here of
  Just world -> told world fraction shown
  Nothing -> withText (filter (/= '\0') shown) (cProgress (maybe (-1) realToFrac fraction))

-- | Says why the call fails.
failWith :: String -> IO Int32
failWith shown = fromIntegral <$> withText (filter (/= '\0') shown) cFail
